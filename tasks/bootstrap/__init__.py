"""Stage bootstrap."""
