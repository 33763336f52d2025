"""Stage train: one run per arm, `python -m flows.train ARM`."""

from __future__ import annotations

from dataclasses import asdict

from flows import paths, reports
from flows.runtime import flow, task
from flows.stage import main
from tasks import tracking
from tasks import train as work
from tasks.train import TrainConfig, Trained


@task()
def fit(config: TrainConfig, arm: str) -> Trained:
    """Train one arm from the policy it starts from."""
    return work.train_arm(
        config, arm, paths.MODELS, paths.DATASETS, work=paths.WORK / "train" / arm
    )


@task()
def tell(arm: str, trained: Trained) -> None:
    """Write reports/train/ARM.json and log it."""
    reports.write(paths.REPORTS / "train" / f"{arm}.json", asdict(trained))
    tracking.report({f"train.{arm}.{name}": value for name, value in asdict(trained).items()})


@flow
def train(config: TrainConfig, arm: str) -> None:
    tell(arm, fit(config, arm))


if __name__ == "__main__":
    main(train, "train", item="arm")
