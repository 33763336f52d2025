"""General benchmarks of lm-evaluation-harness: GSM8K, BIG-Bench Hard, IFEval."""
