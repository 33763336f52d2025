"""Readers of the layouts in which MultiWOZ is published."""
