"""Stage register."""
