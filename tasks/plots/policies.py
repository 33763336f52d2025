"""Every policy's figures with their intervals, and what the gate weighs: paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.plots import table

COLUMNS = ("policy", "split", "metric", "value", "low", "high")
METRICS = ("reward", "success")


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """``policies.csv`` and ``gains.csv`` of a ``reports/metrics.json``."""
    table.write(folder / "policies.csv", COLUMNS, figures(record))
    table.write(folder / "gains.csv", (*COLUMNS, "detectable"), gains(record))


def figures(record: Mapping[str, Any]) -> Iterator[table.Row]:
    """Reward and success of each policy on each split, with 95 % intervals."""
    for policy, by_split in record["arms"].items():
        for split, metrics in by_split.items():
            for metric in METRICS:
                yield _row(policy, split, metric, metrics[metric])


def gains(record: Mapping[str, Any]) -> Iterator[table.Row]:
    """Each policy minus the base, in pairs; ``detectable`` is what so many pairs can show."""
    for policy, by_split in record["comparisons"].items():
        for split, comparison in by_split.items():
            for metric in METRICS:
                difference = comparison[metric]
                row = _row(policy, split, metric, difference["estimate"])
                yield {**row, "detectable": _rounded(difference["detectable"])}


def _row(policy: str, split: str, metric: str, estimate: Mapping[str, Any]) -> dict[str, Any]:
    place = {"policy": policy, "split": split, "metric": metric}
    return {**place, **{key: _rounded(estimate[key]) for key in ("value", "low", "high")}}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
