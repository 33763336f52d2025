"""The pipeline's work: files in, one library call, files out."""

from tasks import bars, telemetry

# Here, so that it comes before every library that reports, or draws.
telemetry.switch_off()
bars.switch_off()
