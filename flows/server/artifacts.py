"""Artifacts of a finished run in the Prefect UI: outcomes, metrics and links."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows import paths
from flows.server import links
from flows.tools.summary import markdown

Show = Callable[[Mapping[str, str], str | None], None]
"""Called with the outcome of each stage and the DVC experiment of a run with overrides."""


def outcomes(found: Mapping[str, str], _experiment: str | None) -> None:
    """Show the outcome of each stage and a link to the run in MLflow."""
    rows = [{"stage": stage, "outcome": outcome} for stage, outcome in found.items()]
    create_table_artifact(rows, key="stages", description="Unchanged: DVC found nothing to do.")
    if run := links.pipeline_run():
        create_link_artifact(links.run_url(run), key="mlflow", link_text="This run in MLflow")


def everything(found: Mapping[str, str], experiment: str | None) -> None:
    """Also show the metrics of every policy and a link to the report with its dialogues."""
    outcomes(found, experiment)
    if record := _metrics(experiment):
        create_markdown_artifact(markdown(record), key="metrics", description="Test split")
    if run := links.stage_run("compare"):
        url = f"{links.run_url(run)}/artifacts/report.html"
        create_link_artifact(url, key="report", link_text="Report, with every dialogue")


def _metrics(experiment: str | None) -> dict[str, Any] | None:
    path = paths.REPORTS / "metrics.json"
    if experiment is None:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    import dvc.api
    from dvc.exceptions import DvcException

    try:
        return dict(json.loads(dvc.api.read(str(path), rev=experiment)))
    except (DvcException, FileNotFoundError):  # its targets end before the evaluation
        return None
