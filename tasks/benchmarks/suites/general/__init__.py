"""General benchmarks of lm-evaluation-harness."""
