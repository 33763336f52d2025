"""Checks of training rows before any compute."""
