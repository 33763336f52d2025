"""Summary of a run: every policy on the test split, the gates' decisions, and next steps."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from dialogue.progress import any_terminal
from flows import paths
from tasks.rounds.sequence import BASE

SPLIT = "test"
FEW = 50
"""Test scenarios below which an interval is half a scale wide, and no figure means anything."""


def summary(record: Mapping[str, Any]) -> str:
    """The table of a ``reports/metrics.json``, with 95 % intervals."""
    rows = [("policy", "reward", "success", "reward gained on base"), *_rows(record)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    table = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(
        [
            "",
            *table,
            "",
            *_lines(record),
            f"Reports in {paths.REPORTS}/, data checks in {paths.REPORTS}/data_docs/index.html,",
            "runs and models in MLflow, the pipeline in Prefect: `make ui`. Graph: `dvc dag`.",
            "Talk to the policy: `make chat`.",
        ]
    )


def markdown(record: Mapping[str, Any]) -> str:
    """The same table for the Prefect UI."""
    header = "| policy | reward | success | reward gained on base |\n|---|---|---|---|"
    rows = [f"| {' | '.join(map(plain, row))} |" for row in _rows(record)]
    return "\n".join([header, *rows, "", *(f"* {plain(line)}" for line in _lines(record))])


def plain(text: str) -> str:
    """Text as one line in which Markdown sees no tag, link or cell of a table."""
    return re.sub(r"[\\<\[|*]", r"\\\g<0>", " ".join(text.split()))


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    """What is said below the table."""
    yield from _decisions(record)
    scenarios = max(by_split[SPLIT]["dialogues"] for by_split in record["arms"].values())
    if scenarios < FEW:
        yield (
            f"Of {scenarios} test scenarios: at this size the figures mean nothing "
            "(`make repro SIZE=full`)"
        )


def _decisions(record: Mapping[str, Any]) -> Iterator[str]:
    """The decision of each round's gate, and the final policy."""
    for name, gate in record["rounds"].items():
        if stop := gate.get("stopped"):
            yield f"{name}: not run, the rounds stopped in {stop['round']}"
        else:
            yield f"{name}: {gate['candidate']} is {gate['decision']}: {gate['reason']}"
    policy = record["policy"]
    yield f"Policy in the end: {policy}{' (no round improved it)' if policy == BASE else ''}"


def _rows(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, by_split in record["arms"].items():
        metrics = by_split[SPLIT]
        compared = record["comparisons"].get(name)
        gain = _interval(compared[SPLIT]["reward"]["estimate"], sign="+") if compared else ""
        yield name, _interval(metrics["reward"]), _interval(metrics["success"]), gain


def _interval(estimate: Mapping[str, Any], sign: str = "") -> str:
    if estimate["value"] is None:
        return "not scored"
    value, low, high = (f"{estimate[key]:{sign}.3f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def main() -> int:
    """The command line; returns the exit status."""
    any_terminal()
    path = paths.REPORTS / "metrics.json"
    if not path.is_file():
        print(f"there is no {path} yet: run `dvc repro`", file=sys.stderr)
        return 1
    print(summary(json.loads(path.read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
