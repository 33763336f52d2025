"""The comparison as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from jinja2 import PackageLoader
from markupsafe import Markup

from dialogue.files import write_whole
from tasks.compare.differences import against_first
from tasks.compare.source import Run
from toolwoz.evaluation.policy_run import PolicyRun
from toolwoz.evaluation.statistics.comparison import Comparison
from toolwoz.report import charts, render_page


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
        forest=_forest,
        verdict=verdict,
        by_round=_by_round([arm for arm in arms if rounds is None or arm.name in rounds]),
    )


def _forest(name: str, comparisons: Mapping[str, Comparison]) -> Markup:
    rows = {figure: one.difference for figure, one in comparisons.items()}
    return Markup(charts.forest(rows, f"{name}: differences with 95 % intervals"))


def _by_round(arms: Sequence[PolicyRun]) -> Markup:
    rewards = {arm.name: arm.metrics.reward for arm in arms}
    return Markup(charts.rounds(rewards, "Average reward, run by run")) if arms else Markup("")
