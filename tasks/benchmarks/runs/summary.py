"""Metrics of a benchmark run, with the ceiling and the floor of its score: metrics.json."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from dialogue.files import write_whole
from dialogue.tool_text import assistant
from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.shape import Benchmark, Item, SingleTurn
from toolwoz.evaluation.statistics.intervals import Estimate, estimate, mean, nulls

METRICS = "metrics.json"


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of a run.

    Attributes:
        benchmark: Name of the benchmark.
        items: Number of scored items; all figures but the next two and the parts are about them.
        unscored: Number of items without a score.
        errors: Number of unscored items by reason.
        score: Headline figure, the mean over items.
        ceiling, floor: Mean scores of the benchmark's own answers, and of empty ones, on the same
            items; None if unknown.
        parts: Further figures, each over the items that have it, scored or not.
        by_group: Headline figure by category.
        figures: Figures of the whole run that are no mean over items.
        known: Facts that the benchmark reports unchanged, as counts of excluded items.
        prompt_tokens, completion_tokens: Mean numbers of tokens per item.
    """

    benchmark: str
    items: int
    unscored: int
    errors: Mapping[str, int]
    score: Estimate
    ceiling: float | None
    floor: float | None
    parts: Mapping[str, Estimate]
    by_group: Mapping[str, Estimate]
    figures: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)
    prompt_tokens: float = math.nan
    completion_tokens: float = math.nan

    def to_json(self) -> dict[str, Any]:
        """Strict JSON: null where there was nothing to estimate from."""
        record: dict[str, Any] = nulls(asdict(self))
        return record


def summarise(benchmark: Benchmark, results: Sequence[Scored]) -> Metrics:
    """The metrics of a run, its results in any order."""
    scored = [one for one in results if one.score is not None]
    played = {one.item for one in scored}
    items = [item for item in benchmark.items if item.id in played]
    return Metrics(
        benchmark=benchmark.name,
        items=len(scored),
        unscored=len(results) - len(scored),
        errors=dict(Counter(one.error.partition(":")[0] for one in results if one.error)),
        score=_estimate(scored),
        ceiling=_bound(items, benchmark.ceiling or _gold(benchmark)),
        floor=_bound(items, benchmark.floor or _empty(benchmark)),
        parts=_parts(results),
        by_group=_by_group(scored),
        figures=benchmark.figures(scored),
        known=benchmark.known,
        prompt_tokens=mean(one.prompt_tokens for one in scored),
        completion_tokens=mean(one.completion_tokens for one in scored),
    )


def write_metrics(folder: Path, metrics: Metrics, configuration: Mapping[str, Any]) -> None:
    """Write ``metrics.json`` into the folder of a run; whole or not at all."""
    record = {"configuration": dict(configuration), **metrics.to_json()}
    write_whole(folder / METRICS, json.dumps(record, indent=1, allow_nan=False) + "\n")


def lines(metrics: Metrics) -> Iterator[str]:
    """The metrics in a few lines for a terminal."""
    bounds = "".join(
        f", {name} {value:.3f}"
        for name, value in (("ceiling", metrics.ceiling), ("floor", metrics.floor))
        if value is not None
    )
    yield f"{metrics.benchmark}: {metrics.score} over {metrics.items} items{bounds}"
    if metrics.unscored:
        reasons = ", ".join(f"{reason} {count}" for reason, count in metrics.errors.items())
        yield f"  unscored {metrics.unscored}: {reasons}"
    for name, value in {**metrics.parts, **metrics.by_group}.items():
        yield f"  {name}: {value} ({value.scenarios})"
    for name, figure in {**metrics.figures, **metrics.known}.items():
        yield f"  {name}: {figure}"


def _bound(items: Sequence[Item], of: Callable[[Item], float] | None) -> float | None:
    return fmean(map(of, items)) if of and items else None


def _gold(benchmark: Benchmark) -> Callable[[Item], float] | None:
    if not isinstance(quiz := benchmark.play, SingleTurn):
        return None
    return lambda item: quiz.score(item, quiz.gold(item)).value


def _empty(benchmark: Benchmark) -> Callable[[Item], float] | None:
    if not isinstance(quiz := benchmark.play, SingleTurn):
        return None
    return lambda item: quiz.score(item, assistant("")).value


def _estimate(scored: Iterable[Scored]) -> Estimate:
    return estimate([[one.score] for one in scored if one.score is not None])


def _parts(results: Iterable[Scored]) -> dict[str, Estimate]:
    values: defaultdict[str, list[list[float]]] = defaultdict(list)
    for one in results:
        for name, value in one.parts.items():
            values[name].append([value])
    return {name: estimate(found) for name, found in values.items()}


def _by_group(scored: Iterable[Scored]) -> dict[str, Estimate]:
    groups: defaultdict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        groups[one.group].append(one)
    return {name: _estimate(groups[name]) for name in sorted(groups)}
