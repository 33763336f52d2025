"""MT-Bench."""
