"""The comparison as figures, and as one self-contained HTML file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from jinja2 import PackageLoader
from markupsafe import Markup

from tasks.benchmarks.scores.comparison import Difference, difference, holm
from tasks.benchmarks.scores.scored import Scored
from tasks.compare.source import Run
from toolwoz.evaluation.arm import Arm
from toolwoz.evaluation.metrics import compare
from toolwoz.evaluation.result import Result
from toolwoz.report import charts, render_page, write_whole

FIGURES: Mapping[str, Callable[[Result], float]] = {
    "ToolWOZ success": lambda result: float(result.success),
    "ToolWOZ reward": lambda result: result.reward,
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One run against the first: a difference per figure, with Holm's correction over all."""

    name: str
    differences: Sequence[Difference]

    @property
    def forest(self) -> Markup:
        rows = {one.benchmark: one.difference for one in self.differences}
        return Markup(charts.forest(rows, f"{self.name}: differences with 95 % intervals"))


def against_first(runs: Sequence[Run]) -> list[Compared]:
    """Every later run against the first, on the items that both have."""
    return [Compared(run.name, holm(list(_differences(runs[0], run)))) for run in runs[1:]]


def write(
    path: Path,
    runs: Sequence[Run],
    verdict: Mapping[str, str] | None = None,
    rounds: Container[str] | None = None,
) -> None:
    """Write the page; whole or not at all."""
    write_whole(path, render(runs, verdict, rounds))


def render(
    runs: Sequence[Run],
    verdict: Mapping[str, str] | None = None,
    rounds: Container[str] | None = None,
) -> str:
    """The page as HTML.

    Args:
        runs: The baseline first, then in the order of the rounds.
        verdict: Decision and reason of the gate; None without a gate.
        rounds: Names of the runs that the curve over the rounds joins; None for all.

    Raises:
        ValueError: two evaluations on ToolWOZ have the same name.
    """
    arms = [run.toolwoz for run in runs if run.toolwoz]
    return render_page(
        arms,
        "comparison.html.j2",
        [PackageLoader("tasks.compare")],
        names=[run.name for run in runs],
        seconds=[(run.name, run.seconds) for run in runs if run.seconds is not None],
        compared=against_first(runs),
        verdict=verdict,
        by_round=_by_round([arm for arm in arms if rounds is None or arm.name in rounds]),
    )


def _by_round(arms: Sequence[Arm]) -> Markup:
    rewards = {arm.name: arm.metrics.reward for arm in arms}
    return Markup(charts.rounds(rewards, "Average reward, run by run")) if arms else Markup("")


def _differences(first: Run, other: Run) -> Iterator[Difference]:
    if first.toolwoz and other.toolwoz:
        for name, figure in FIGURES.items():
            yield _toolwoz(name, figure, first.toolwoz.results, other.toolwoz.results)
    for name in first.benchmarks:
        if name in other.benchmarks:
            yield difference(name, first.benchmarks[name], other.benchmarks[name])


def _toolwoz(
    name: str, figure: Callable[[Result], float], before: Sequence[Result], after: Sequence[Result]
) -> Difference:
    """Compare by scenario: its trials are not independent, so their mean is one observation."""
    paired = {r.key for r in before if r.scored} & {r.key for r in after if r.scored}

    def means(results: Sequence[Result]) -> list[Scored]:
        trials: defaultdict[str, list[float]] = defaultdict(list)
        for result in results:
            if result.key in paired:
                trials[result.scenario].append(figure(result))
        return [Scored(s, "", (), score=fmean(values)) for s, values in trials.items()]

    left_out = compare(before, after)
    found = difference(name, means(before), means(after))
    return replace(found, unpaired=left_out.unpaired, unscored=left_out.unscored)
