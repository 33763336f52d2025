"""Stages train and continue: `python -m flows.stages.train ROUND ARM`, one run per arm."""

from __future__ import annotations

from dataclasses import asdict

from flows import paths, reports
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from services.mlflow import tracking
from tasks.rounds import sequence as rounds
from tasks.train import job as work
from tasks.train.job import TrainConfig, Trained


@task()
def fit(config: TrainConfig, round: str, arm: str) -> Trained:
    """Train one arm from the policy it starts from."""
    return work.train_arm(
        config,
        arm,
        paths.ARMS / round,
        paths.DATASETS / round,
        work=paths.WORK / "train" / round / arm,
    )


@task()
def tell(round: str, arm: str, trained: Trained) -> None:
    """Write reports/train/ROUND/ARM.json and log it."""
    record = asdict(trained)
    reports.write(paths.report(f"train/{round}", arm), record)
    figures = {f"train.{arm}.{name}": value for name, value in record.items()}
    tracking.report(figures, step=rounds.number(round))


@flow
def train(config: TrainConfig, round: str, arm: str) -> None:
    out = paths.ARMS / round / config.place(arm)
    if is_passed(paths.DATASETS / round, out, paths.report(f"train/{round}", arm)):
        return
    tell(round, arm, fit(config, round, arm))


if __name__ == "__main__":
    main(train, "train", items=["round", "arm"])
