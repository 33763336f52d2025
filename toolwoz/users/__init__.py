"""Simulated users; they hold no state between turns."""
