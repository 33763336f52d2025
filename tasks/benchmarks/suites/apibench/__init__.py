"""APIBench."""
