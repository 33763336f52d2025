"""The pipeline's runs, datasets and traces in MLflow."""
