"""Rows of an extracted set, as TRL reads them, and those of them that are held out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.train.recipe import Method

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS: Mapping[Method, tuple[str, ...]] = {
    "sft": ("messages", "tools"),
    "kto": ("prompt", "completion", "label", "tools"),
    "dpo": ("prompt", "chosen", "rejected", "tools"),
}
"""What the trainer of a method reads."""
SINGLE = ("prompt", "completion", "tools")
"""What SFT reads of a set that has one assistant message a row."""
ORIGIN = ("scenario", "node", "sampled", "label")
"""What the guards read: where a row comes from, what was sampled, and whether it is good."""


def read_rows(path: Path, method: Method) -> Dataset:
    """Rows of an extracted set (JSONL): the columns its trainer reads, and ORIGIN where there.

    ``tools`` and a call's ``arguments`` stay JSON text: Arrow would otherwise give every tool
    the union of all tools' parameters.
    """
    from datasets import Dataset

    with path.open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    names = columns(method, records[0] if records else {})
    kept = [
        {
            name: row[name]
            for name in dict.fromkeys((*names, *ORIGIN))
            if name in row or name in names
        }
        for row in records
    ]
    return Dataset.from_list(kept)


def columns(method: Method, row: Mapping[str, object]) -> tuple[str, ...]:
    """The columns that TRL reads of a row."""
    return SINGLE if method == "sft" and "prompt" in row else COLUMNS[method]


def hold_out(rows: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """The rows to train on, and those of a share of the scenarios, or None if that is none.

    Whole scenarios, because rows of one dialogue share their words: a held-out row whose dialogue
    was trained on would measure memory.
    """
    if share == 0 or "scenario" not in rows.column_names:
        return rows, None
    from random import Random

    scenarios = sorted(set(rows["scenario"]))
    out = set(Random(seed).sample(scenarios, round(share * len(scenarios))))
    if not out:
        return rows, None
    held = [scenario in out for scenario in rows["scenario"]]
    return (
        rows.select([index for index, is_out in enumerate(held) if not is_out]),
        rows.select([index for index, is_out in enumerate(held) if is_out]),
    )
