"""The benchmarks, a room each."""
