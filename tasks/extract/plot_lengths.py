"""Plot data of row lengths: the characters of the answers that a row trains, by set."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from josh.rows.curation import answer_chars
from services import plot_table

COLUMNS = ("set", "characters", "share")
BINS = 24


def write(path: Path, sets: Mapping[str, Sequence[int]]) -> None:
    """Write the distribution of each set, with the same bins for all.

    ``share`` is the share of the set's rows, so that sets of different size can be compared;
    ``characters`` is the middle of a bin.
    """
    width = bin_width([length for lengths in sets.values() for length in lengths])
    last = max((length for lengths in sets.values() for length in lengths), default=0)
    edges = np.arange(0, last + 2 * width, width)
    rows = (
        {"set": name, "characters": int(low + width / 2), "share": round(float(share), 4)}
        for name, lengths in sets.items()
        if lengths
        for low, share in zip(
            edges, np.histogram(lengths, bins=edges)[0] / len(lengths), strict=False
        )
    )
    plot_table.write(path, COLUMNS, rows)


def of_sets(datasets: Path, names: Iterable[str]) -> dict[str, list[int]]:
    """The length of every row of the sets in ``data/datasets``."""
    return {name: _of(datasets / f"{name}.jsonl") for name in names}


def _of(path: Path) -> list[int]:
    with path.open(encoding="utf-8") as file:
        return [answer_chars(json.loads(line)) for line in file]


def bin_width(lengths: Sequence[int]) -> int:
    """A power of two, so that two versions of a set nearly always have the same bins."""
    if not lengths:
        return 1
    longest_but_few = float(np.percentile(lengths, 99))
    return int(2 ** max(0, math.ceil(math.log2(max(1.0, longest_but_few / BINS)))))
