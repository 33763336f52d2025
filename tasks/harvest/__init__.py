"""Stage harvest."""
