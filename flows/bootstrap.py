"""Stage bootstrap: make the base policy that JOSH starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from flows import paths, reports
from flows.runtime import flow, task
from flows.stage import main
from tasks import bootstrap as work
from tasks import tracking
from tasks.bootstrap import BootstrapConfig
from tasks.dialogues import DialogueConfig
from tasks.train import Trained


@task()
def make_base(config: BootstrapConfig, dialogue: DialogueConfig) -> dict[str, Trained]:
    """Demonstrations, tokenizer, weights, lessons."""
    return work.bootstrap(config, dialogue, paths.MODELS / "base", work=paths.WORK / "bootstrap")


@task()
def tell(taught: Mapping[str, Trained]) -> None:
    """Write reports/bootstrap.json and log it."""
    record = {lesson: asdict(trained) for lesson, trained in taught.items()}
    reports.write(paths.REPORTS / "bootstrap.json", record)
    tracking.report(
        {
            f"bootstrap.{lesson}.{name}": value
            for lesson, figures in record.items()
            for name, value in figures.items()
        }
    )


@flow
def bootstrap(config: BootstrapConfig, dialogue: DialogueConfig) -> None:
    tell(make_base(config, dialogue))


if __name__ == "__main__":
    main(bootstrap, "bootstrap", "dialogue")
