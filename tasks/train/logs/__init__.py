"""What a training run says while it runs."""
