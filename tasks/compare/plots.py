"""Plot data of all policies: figures with intervals, paired gains, and the rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services import plot_table
from tasks.rounds.sequence import BASE

COLUMNS = ("policy", "split", "metric", "value", "low", "high")
METRICS = ("reward", "success")
ROUNDS = ("round", "policy", "reward", "success")
SPLIT = "test"


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """``policies.csv``, ``gains.csv`` and ``rounds.csv`` of a ``reports/metrics.json``."""
    plot_table.write(folder / "policies.csv", COLUMNS, figures(record))
    plot_table.write(folder / "gains.csv", (*COLUMNS, "detectable"), gains(record))
    plot_table.write(folder / "rounds.csv", ROUNDS, rounds(record))


def figures(record: Mapping[str, Any]) -> Iterator[plot_table.Row]:
    """Reward and success of each policy on each split, with 95 % intervals."""
    for policy, by_split in record["arms"].items():
        for split, metrics in by_split.items():
            for metric in METRICS:
                yield _row(policy, split, metric, metrics[metric])


def gains(record: Mapping[str, Any]) -> Iterator[plot_table.Row]:
    """Each policy minus the base, in pairs; ``detectable`` is the smallest gain the pairs show."""
    for policy, by_split in record["comparisons"].items():
        for split, comparison in by_split.items():
            for metric in METRICS:
                difference = comparison[metric]
                row = _row(policy, split, metric, difference["estimate"])
                yield {**row, "detectable": _rounded(difference["detectable"])}


def rounds(record: Mapping[str, Any]) -> Iterator[plot_table.Row]:
    """The figures of the policy that each round left: its candidate, or the one before.

    Round 0 is the base. Rounds after a stop have no row.
    """
    policy = BASE
    for number, (name, gate) in enumerate([("", {"decision": ""}), *record["rounds"].items()]):
        if "decision" not in gate:
            return
        if gate["decision"] == "promoted":
            policy = f"{name}/{gate['candidate']}"
        of_all = record["arms"][policy][SPLIT]
        found = {metric: _rounded(of_all[metric]["value"]) for metric in METRICS}
        yield {"round": number, "policy": policy, **found}


def _row(policy: str, split: str, metric: str, estimate: Mapping[str, Any]) -> dict[str, Any]:
    place = {"policy": policy, "split": split, "metric": metric}
    return {**place, **{key: _rounded(estimate[key]) for key in ("value", "low", "high")}}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
