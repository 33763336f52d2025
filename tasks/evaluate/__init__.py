"""Stage evaluate."""
