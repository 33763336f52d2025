"""Runs, datasets and traces of the pipeline in MLflow."""
