"""What engines and trainers share of a model: prompts, calls in its template, LoRAs."""
