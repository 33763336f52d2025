"""Stage bootstrap: make the base policy that JOSH starts from."""

from __future__ import annotations

from dataclasses import asdict

from flows import paths, reports
from flows.server.runtime import flow, task
from flows.stage import main
from services.mlflow import tracking
from tasks.bootstrap import job as work
from tasks.bootstrap.job import BootstrapConfig
from tasks.train.job import Trained
from toolwoz.users.dialogues import DialogueConfig


@task()
def make_base(config: BootstrapConfig, dialogue: DialogueConfig) -> dict[str, Trained]:
    """Demonstrations, tokenizer, weights, training."""
    out, kept = paths.MODELS / "base", paths.WORK / "bootstrap"
    return work.bootstrap(config, dialogue, paths.CORPUS, out, work=kept)


@task()
def tell(trained: dict[str, Trained]) -> None:
    """Write reports/bootstrap.json and log it."""
    record = {training: asdict(what) for training, what in trained.items()}
    reports.write(paths.REPORTS / "bootstrap.json", record)
    tracking.report(
        {f"bootstrap.{name}.{n}": v for name, what in record.items() for n, v in what.items()}
    )


@flow
def bootstrap(config: BootstrapConfig, dialogue: DialogueConfig) -> None:
    tell(make_base(config, dialogue))


if __name__ == "__main__":
    main(bootstrap, "bootstrap", "dialogue")
