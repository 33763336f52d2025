"""Logs of a training while it runs."""
