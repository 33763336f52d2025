"""Fine-tuning files for OpenAI-compatible services, made from training sets."""
