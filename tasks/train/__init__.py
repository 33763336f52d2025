"""Stages train and continue."""
