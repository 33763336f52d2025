"""MT-Bench: open questions, judged in pairs of runs."""
