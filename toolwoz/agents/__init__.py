"""Policies that need no model: an expert to learn from, an oracle to measure against, baselines."""
