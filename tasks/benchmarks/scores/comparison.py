"""Comparison of two runs on the same items, on one benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.scores.scored_file import SCORED, read_configuration, read_scored
from toolwoz.evaluation.statistics import comparison
from toolwoz.evaluation.statistics.comparison import Comparison
from toolwoz.evaluation.statistics.intervals import nulls


def compare(baseline: Sequence[Scored], candidate: Sequence[Scored]) -> Comparison:
    """Candidate minus baseline on one benchmark, its p-value not corrected."""
    return comparison.compare(_scores(baseline), _scores(candidate))


def to_json(benchmark: str, found: Comparison) -> dict[str, Any]:
    """The entry of a report, in strict JSON: null if there was nothing to estimate from."""
    figures = asdict(found)
    items = figures.pop("pairs")  # an item of a benchmark has one trial
    named = {"benchmark": benchmark, "items": items}
    record: dict[str, Any] = nulls({**named, **figures, "significant": found.significant})
    return record


def read_runs(folder: Path) -> dict[str, list[Scored]]:
    """The scored items of every benchmark below a folder.

    Raises:
        ValueError: there are none, or damaged ones; or two runs are of the same benchmark.
    """
    found: dict[str, list[Scored]] = {}
    for path in sorted(folder.rglob(SCORED)):
        name = read_configuration(path.parent)["benchmark"]
        if name in found:
            raise ValueError(f"{folder} holds two runs of {name}; name a folder with one of each")
        found[name] = read_scored(path.parent)
    if not found:
        raise ValueError(f"{folder}: no {SCORED} below it; `python -m tasks.benchmarks` writes it")
    return found


def _scores(results: Sequence[Scored]) -> comparison.Scores:
    return {(one.item, 0): one.score for one in results}
