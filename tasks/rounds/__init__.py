"""JOSH repeated: what a round starts from, and the gate that ends it."""
