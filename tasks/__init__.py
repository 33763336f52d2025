"""The pipeline's work: files in, one library call, files out."""

from tasks.telemetry import switch_off

switch_off()  # here, so that it comes before every library that reports
