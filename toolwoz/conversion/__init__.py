"""Conversion of a corpus into scenarios."""
