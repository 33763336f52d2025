"""Rows of an extracted set as TRL reads them, and the split of held-out rows."""

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
"""Columns that the trainer of a method reads."""
SINGLE = ("prompt", "completion", "tools")
"""Columns that SFT reads of a set with one assistant message per row."""
ORIGIN = ("scenario", "node", "sampled", "label")
"""Columns that the guards read: origin of a row, sampled tokens, and whether it is good."""


def read_rows(path: Path, method: Method) -> Dataset:
    """Rows of an extracted set (JSONL): the columns of its trainer, and those of ORIGIN.

    ``tools`` and the ``arguments`` of a call stay JSON text until they are rendered
    (``services.engines.models.prompt``): Arrow would give every tool the union of all parameters.
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
    """The rows to train on, and the held-out rows of a share of the scenarios; None if no rows.

    Whole scenarios are held out, as rows of one dialogue share their words: a held-out row of a
    trained dialogue would measure memorisation.
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
