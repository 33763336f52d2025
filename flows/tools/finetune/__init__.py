"""Training sets for models that others train: fine-tuning files of OpenAI-compatible services."""
