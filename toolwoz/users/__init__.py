"""Simulated users, which hold no state between their turns."""
