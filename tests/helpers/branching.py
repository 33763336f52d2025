"""Chance trees for tests of packing: token ids that share beginnings, and rows of dialogues."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from tasks.train.packing.trie import Ints

WORDS = ("hotel", "cheap", "north", "train", "book", "seven", "please", "thanks")


def branching(chance: random.Random, rows: int, vocabulary: int, longest: int) -> list[Ints]:
    """Token ids of rows of which most go on from a part of another."""
    texts: list[list[int]] = []
    for _ in range(rows):
        stem = chance.choice(texts) if texts and chance.random() < 0.8 else []
        stem = stem[: chance.randint(0, len(stem))]
        own = chance.choices(range(1, vocabulary), k=chance.randint(2, max(2, longest // 2)))
        texts.append([*stem, *own][: max(longest, 2)])
    return [np.array(text, dtype=np.int64) for text in texts]


def masks(chance: random.Random, texts: list[Ints]) -> list[Ints]:
    """Positions of the trained tokens of each text: those of an answer or two, maybe none."""
    found = []
    for text in texts:
        spans = [sorted(chance.choices(range(1, len(text) + 1), k=2)) for _ in range(2)]
        found.append(np.array(sorted({i for start, end in spans for i in range(start, end)})))
    return [positions.astype(np.int64) for positions in found]


def dialogue_rows(method: str, trees: int, seed: int) -> list[dict[str, Any]]:
    """Rows of trees of two rounds, whose answers branch, in the order of an extracted set."""
    chance = random.Random(seed)
    return [row for tree in range(trees) for row in _rows(method, f"s{tree}", chance)]


def _rows(method: str, tree: str, chance: random.Random) -> Iterator[dict[str, Any]]:
    history: list[dict[str, str]] = []
    origin = {"tools": "[]", "scenario": tree, "node": 0}
    good, bad = [], []
    for _ in range(chance.randint(2, 3)):
        history = [*history, {"role": "user", "content": _said(chance)}]
        golden, *others = [{"role": "assistant", "content": _said(chance)} for _ in range(3)]
        good.append({"prompt": history, "completion": [golden], **origin})
        bad += [{"prompt": history, "completion": [other], **origin} for other in others]
        history = [*history, golden]
    if method == "sft":
        yield {"messages": history, **origin}
        yield {"messages": [*history[:-1], *bad[-1]["completion"]], **origin}
    elif method == "kto":
        yield from ({**row, "label": True} for row in good)
        yield from ({**row, "label": False} for row in bad)
    else:
        pairs = zip(bad, [row for row in good for _ in range(2)], strict=True)
        for rejected, chosen in pairs:
            both = {"chosen": chosen["completion"], "rejected": rejected["completion"]}
            yield {"prompt": chosen["prompt"], **both, **origin}


def _said(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(2, 9)))
