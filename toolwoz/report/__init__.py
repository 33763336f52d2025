"""The report of runs: one self-contained HTML file with figures, charts and all dialogues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dialogue.files import write_whole
from dialogue.strict_json import dumps
from toolwoz.evaluation.metrics import compare
from toolwoz.evaluation.policy_run import PolicyRun, read_policy_run
from toolwoz.report import charts
from toolwoz.report.browse import pack
from toolwoz.report.text import REASONS, lines

__all__ = [
    "PolicyRun",
    "lines",
    "read_policy_run",
    "render_page",
    "render_report",
    "write_metrics",
    "write_report",
]

METRICS = "metrics.json"
REPORT = "report.html"

_TEMPLATES = files(__name__) / "templates"


def write_metrics(folder: Path, arm: PolicyRun) -> None:
    """Write ``metrics.json`` into the folder of a run; whole or not at all."""
    write_whole(folder / METRICS, json.dumps(arm.to_json(), indent=1, allow_nan=False) + "\n")


def write_report(path: Path, arms: Sequence[PolicyRun]) -> None:
    """Write the report of one run, or of several compared with the first; whole or not at all."""
    write_whole(path, render_report(arms))


def render_report(arms: Sequence[PolicyRun]) -> str:
    """The report as HTML. The first arm is the baseline of the others.

    Raises:
        ValueError: there is no arm, or two have the same name.
    """
    if not arms:
        raise ValueError("a report needs arms with different names, and has none")
    return render_page(arms)


def render_page(
    arms: Sequence[PolicyRun],
    template: str = "report.html.j2",
    loaders: Sequence[BaseLoader] = (),
    **shown: Any,
) -> str:
    """The report within a larger page: a template that extends ``report.html.j2``.

    Args:
        arms: The runs to show; without any, the page has only what the template adds.
        template: Name of the template in one of the loaders.
        loaders: Loaders that are searched before this package's own templates.
        shown: Further variables of the template.

    Raises:
        ValueError: two arms have the same name.
    """
    if len({arm.name for arm in arms}) < len(arms):
        raise ValueError(f"arms need different names, not {[arm.name for arm in arms]}")
    environment = Environment(
        loader=ChoiceLoader([*loaders, PackageLoader("toolwoz.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        arms=arms,
        reasons=list(REASONS.values()),
        comparisons=[(arm, compare(arms[0].results, arm.results)) for arm in arms[1:]],
        charts={name: Markup(svg) for name, svg in _charts(arms).items()},
        track=lambda estimate: Markup(charts.track(estimate)),
        changed=_changed(arms),
        dialogues=pack(arms),
        source=lambda name: Markup((_TEMPLATES / name).read_text(encoding="utf-8")),
        **shown,
    )


def _charts(arms: Sequence[PolicyRun]) -> dict[str, str]:
    """Inline SVG by name; its text is escaped already."""
    found = {
        "by_domain": charts.bars(
            [charts.Series(arm.name, arm.metrics.by_domain) for arm in arms],
            "Share of goals reached, by domain",
        ),
        "by_tool": charts.bars(
            [charts.Series(arm.name, arm.metrics.by_tool) for arm in arms],
            "Share of goals reached, by tool",
        ),
        "failures": charts.stack(
            {
                arm.name: {REASONS[kind]: count for kind, count in arm.failures.items()}
                for arm in arms
            },
            "Failed dialogues, by reason",
        ),
    }
    if any(len(arm.metrics.pass_hat) > 1 for arm in arms):
        for name in ("pass_hat", "pass_at"):
            found[name] = charts.curves(
                {arm.name: getattr(arm.metrics, name) for arm in arms}, name
            )
    return found


def _changed(arms: Sequence[PolicyRun]) -> list[tuple[str, list[str]]]:
    """The configuration by key, one value per arm."""
    keys = dict.fromkeys(key for arm in arms for key in arm.configuration)
    return [(key, [_plain(arm.configuration.get(key, "")) for arm in arms]) for key in keys]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)
