"""A tiny model of the embedded kind, with random weights, that every engine can load."""

from __future__ import annotations

from tasks.bootstrap.embedded import EmbeddedConfig

TINY = EmbeddedConfig(
    vocab_size=400,
    hidden_size=128,
    intermediate_size=192,
    layers=2,
    heads=4,
    kv_heads=2,
    max_length=512,
)
