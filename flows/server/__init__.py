"""The pipeline's connection to a Prefect server."""
