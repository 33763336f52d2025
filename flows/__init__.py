"""Prefect flows over DVC's graph: the wiring of the stages, the whole run, and its tools."""

from services import bars, telemetry

# Every process of the pipeline imports this before a library that reads these variables.
telemetry.switch_off()
bars.switch_off()
