"""What the pipeline has to do with a Prefect server."""
