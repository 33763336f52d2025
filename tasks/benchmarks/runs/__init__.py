"""Runs of benchmarks: the player of items, one benchmark, several, and their metrics."""
