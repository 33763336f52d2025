"""Dialogues become scenarios that prove themselves."""
