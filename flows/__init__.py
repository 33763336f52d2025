"""Prefect flows: one per stage of dvc.yaml, and the whole run."""
