"""The benchmarks, one module or folder each."""
