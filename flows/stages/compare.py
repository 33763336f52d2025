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
from tasks.compare import page
from tasks.compare import plots as policies
from tasks.compare import rounds as work
from tasks.compare.archive import ARCHIVE, pack
from tasks.compare.rounds import Played
from tasks.compare.source import Run
from tasks.rounds.sequence import BASE, Round
from tasks.train.recipe import TrainConfig

REPORT = paths.REPORTS / "report.html"


@task()
def read(rounds: Mapping[str, Round]) -> Played:
    """What all rounds played."""
    return work.read(paths.EVALUATION, paths.BENCHMARKS, rounds)


@task()
def tell(played: Played, rounds: Mapping[str, Round], train: TrainConfig) -> dict[str, Any]:
    """Write the record, and of it what DVC compares and draws; log a run for each policy."""
    gates = {
        name: json.loads(paths.report("gate", name).read_text(encoding="utf-8")) for name in rounds
    }
    record = work.report(played, gates)
    reports.write(paths.REPORTS / "metrics.json", record)
    reports.write(paths.REPORTS / "headline.json", work.by_policy(record))
    policies.write(paths.PLOTS, record)
    for name, figures in work.by_policy(record).items():
        round, _, arm = name.rpartition("/")
        told = {"round": round, "arm": train.policies[arm]} if round else {}
        with TemporaryDirectory() as place:
            tracking.report_policy(name, told, figures, _kept(name, rounds, Path(place)))
    return record


def _kept(policy: str, rounds: Mapping[str, Round], place: Path) -> Path:
    """What `make compare` reads of a policy: its test dialogues, and the benchmarks it ran."""
    round, _, name = policy.rpartition("/")
    folders = {
        "toolwoz": paths.EVALUATION / (round or next(iter(rounds))) / "test" / name,
        "benchmarks": paths.BENCHMARKS / policy,
    }
    return pack(folders, place / ARCHIVE)


@task()
def draw(played: Played, record: Mapping[str, Any]) -> None:
    """Write reports/report.html: every policy against the base on the test split and benchmarks.

    The curve over the rounds goes through what their gates judged: a control is no step of it.
    """
    judged = {f"{name}/{gate.get('candidate')}" for name, gate in record["rounds"].items()}
    runs = [
        Run(name, arm, read_runs(paths.BENCHMARKS / name) if name in played.benchmarks else {})
        for name, arm in played.arms["test"].items()
    ]
    page.write(REPORT, runs, record["gate"], {BASE, *judged})
    tracking.keep(REPORT)


@flow
def compare(rounds: Mapping[str, Round], train: TrainConfig) -> None:
    played = read(rounds)
    draw(played, tell(played, rounds, train))


if __name__ == "__main__":
    main(compare, "rounds", "train")
