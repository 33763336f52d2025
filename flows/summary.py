"""What a run came to: `python -m flows.summary` prints the table that `make repro` ends in."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from flows import paths
from tasks.evaluate import BASE

REPORT = paths.REPORTS / "report.html"
SCREENS = """
  report      {report}
  data docs   {docs}
  MLflow      make ui, then http://127.0.0.1:5000  (compare runs, traces, the model registry)
  Prefect     make ui, then http://127.0.0.1:4200  (the run as a graph; start and schedule runs)
  DVC         .venv/bin/dvc dag | metrics show | exp run -S harvest.scenarios=300"""


def table(record: Mapping[str, Any], split: str) -> Table:
    """Every policy on one split: reward and success with 95 % intervals, gains over the base."""
    scenarios = record["arms"][BASE][split]["scenarios"]
    found = Table(title=f"ToolWOZ, {scenarios} {split} scenarios", title_justify="left")
    for name in ("policy", "average reward", "success", "gain in success, paired", "p", "unscored"):
        found.add_column(name, justify="left" if name == "policy" else "right")
    for name, by_split in record["arms"].items():
        metrics = by_split[split]
        found.add_row(
            name,
            _estimate(metrics["reward"]),
            _estimate(metrics["success"]),
            *_gain(record["comparisons"].get(name, {}).get(split)),
            str(metrics["unscored"]),
        )
    return found


def _estimate(estimate: Mapping[str, Any], sign: str = "") -> str:
    if estimate["value"] is None:
        return "-"
    low, high = estimate["low"], estimate["high"]
    interval = "" if low is None else f" [{low:{sign}.3f}, {high:{sign}.3f}]"
    return f"{estimate['value']:{sign}.3f}{interval}"


def _gain(comparison: Mapping[str, Any] | None) -> tuple[str, str]:
    if comparison is None:
        return "", ""
    return _estimate(comparison["success"]["estimate"], "+"), f"{comparison['p_value']:.2g}"


def main() -> int:
    """Print the table; returns the exit status."""
    path = paths.REPORTS / "metrics.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print(f"there is no {path} yet: run `make repro`", file=sys.stderr)
        return 1
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table(record, "test"))
    gate = record["gate"]
    console.print(f"  gate        {gate['decision']}: {gate['reason']}", highlight=False)
    console.print(
        SCREENS.format(report=REPORT, docs=paths.REPORTS / "data_docs" / "index.html").strip("\n"),
        highlight=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
