"""Training on the tree: rows that share a beginning go through the model once."""
