"""Comparison of every later run with the first, on the items that both have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from tasks.benchmarks.scores.comparison import compare
from tasks.compare.source import Run
from toolwoz.evaluation import metrics
from toolwoz.evaluation.statistics.comparison import Comparison, holm


def against_first(runs: Sequence[Run]) -> dict[str, Mapping[str, Comparison]]:
    """Run -> figure -> its comparison with the first run, with Holm's correction over all."""
    return {run.name: holm(dict(_comparisons(runs[0], run))) for run in runs[1:]}


def _comparisons(first: Run, other: Run) -> Iterator[tuple[str, Comparison]]:
    if first.toolwoz and other.toolwoz:
        gains = metrics.compare(first.toolwoz.results, other.toolwoz.results)
        yield "ToolWOZ success", gains.success
        yield "ToolWOZ reward", gains.reward
    for name in first.benchmarks:
        if name in other.benchmarks:
            yield name, compare(first.benchmarks[name], other.benchmarks[name])


def line(figure: str, one: Comparison) -> str:
    """A comparison in one line for a terminal."""
    interval = f"[{one.difference.low:+.3f}, {one.difference.high:+.3f}]"
    return (
        f"{figure}: {one.baseline:.3f} -> {one.candidate:.3f}, "
        f"{one.difference.value:+.3f} {interval}, d {_known(one.effect, '+.2f')}, "
        f"{one.wins} better, {one.losses} worse of {one.items}, p {one.p_value:.2g}, "
        f"Holm {one.p_holm:.2g}, detectable {_known(one.detectable, '.3f')}"
        + (", significant" if one.significant else "")
    )


def _known(value: float, form: str) -> str:
    """The value, or n/a if no item differs and so there is no spread."""
    return "n/a" if math.isnan(value) else format(value, form)
