"""Rounds of JOSH: their start, their sequence, and the gate that ends each."""
