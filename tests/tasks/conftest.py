"""A tiny model of the embedded kind, with random weights, that every engine can load."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tasks.bootstrap.embedded import EmbeddedConfig, build_model, build_tokenizer

TINY = EmbeddedConfig(
    vocab_size=400,
    hidden_size=128,
    intermediate_size=192,
    layers=2,
    heads=4,
    kv_heads=2,
    max_length=512,
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    rng = random.Random(0)
    words = ["hotel", "cheap", "north", "train", "book", "seven", "please", "thanks"]
    tokenizer = build_tokenizer((" ".join(rng.choices(words, k=9)) for _ in range(200)), TINY)
    build_model(TINY, tokenizer, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
