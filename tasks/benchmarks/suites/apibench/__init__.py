"""APIBench: one call of a model hub, checked by its syntax tree."""
