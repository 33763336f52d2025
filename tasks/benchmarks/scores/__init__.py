"""Items of a benchmark, their scores, and the comparison of two runs."""
