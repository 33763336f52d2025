"""Evaluation: playing scenarios, metrics and audits of the results."""
