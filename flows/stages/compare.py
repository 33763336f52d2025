"""Stage compare: every policy of every round against the base, as figures and as a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows import paths, reports
from flows.server.runtime import flow, task
from flows.stage import main
from services.mlflow import tracking
from tasks.benchmarks.scores.comparison import read_runs
from tasks.compare import page, plots
from tasks.compare.archive import ARCHIVE, pack
from tasks.compare.rounds import Played, by_policy, read_rounds, to_record
from tasks.compare.source import Run
from tasks.rounds.sequence import BASE, Round
from tasks.train.recipe import TrainConfig

REPORT = paths.REPORTS / "report.html"


@task
def write(played: Played, rounds: Mapping[str, Round], train: TrainConfig) -> dict[str, Any]:
    """Write all figures, those that DVC compares, and those that it plots; log a run per policy."""
    gates = {
        name: json.loads(paths.report("gate", name).read_text(encoding="utf-8")) for name in rounds
    }
    record = to_record(played, gates)
    headline = by_policy(record)
    reports.write(paths.REPORTS / "metrics.json", record)
    reports.write(paths.REPORTS / "headline.json", headline)
    plots.write(paths.PLOTS, record)
    for name, figures in headline.items():
        round, _, arm = name.rpartition("/")
        params = {"round": round, "arm": train.policies[arm]} if round else {}
        with TemporaryDirectory() as place:
            tracking.report_policy(name, params, figures, _results(name, rounds, Path(place)))
    return record


def _results(policy: str, rounds: Mapping[str, Round], place: Path) -> Path:
    """Archive of a policy's test dialogues and benchmarks, which `make compare` reads."""
    round, _, name = policy.rpartition("/")
    folders = {
        "toolwoz": paths.EVALUATION / (round or next(iter(rounds))) / "test" / name,
        "benchmarks": paths.BENCHMARKS / policy,
    }
    return pack(folders, place / ARCHIVE)


@task
def draw(played: Played, record: Mapping[str, Any]) -> None:
    """Write reports/report.html: every policy against the base on the test split and benchmarks.

    The curve over the rounds joins the candidates that the gates judged, not the controls.
    """
    judged = {f"{name}/{gate.get('candidate')}" for name, gate in record["rounds"].items()}
    runs = [
        Run(name, arm, read_runs(paths.BENCHMARKS / name) if name in played.benchmarks else {})
        for name, arm in played.arms["test"].items()
    ]
    page.write(REPORT, runs, record["gate"], {BASE, *judged})
    tracking.log_artifact(REPORT)


@flow
def compare(rounds: Mapping[str, Round], train: TrainConfig) -> None:
    played = task(read_rounds)(paths.EVALUATION, paths.BENCHMARKS, rounds)
    draw(played, write(played, rounds, train))


if __name__ == "__main__":
    main(compare, "rounds", "train")
