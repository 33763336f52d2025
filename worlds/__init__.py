"""Worlds beside ToolWOZ, for JOSH and for evaluation."""
