"""Prefect flows over DVC's graph: the stages' wiring, the whole run, and the tools around it."""

from services import bars, telemetry

# Every process of the pipeline starts here: before a library that reports, or draws, is imported.
telemetry.switch_off()
bars.switch_off()
