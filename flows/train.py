"""Stages train and continue: one run per arm of a round, `python -m flows.train ROUND ARM`."""

from __future__ import annotations

from dataclasses import asdict

from flows import paths, reports
from flows.passing import is_passed
from flows.runtime import flow, task
from flows.stage import main
from tasks import rounds, tracking
from tasks import train as work
from tasks.train import TrainConfig, Trained


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
