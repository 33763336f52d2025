"""Runs of ToolWOZ: scenarios are played, and each result is on disk as it ends."""
