"""Stage harvest: explore dialogues with JOSH, and roll some out plainly for the control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from flows import paths, reports
from flows.runtime import flow, task
from flows.stage import main
from tasks import harvest as work
from tasks import tracking
from tasks.dialogues import DialogueConfig
from tasks.engines import EngineSettings
from tasks.harvest import HarvestConfig, Yield


@task()
def search(
    config: HarvestConfig, dialogue: DialogueConfig, engine: EngineSettings
) -> dict[str, Yield]:
    """Grow the trees."""
    return work.harvest(
        config,
        dialogue,
        engine,
        paths.MODELS / "base",
        paths.CORPUS,
        paths.TREES,
        work=paths.WORK / "harvest",
        logs=paths.LOGS,
    )


@task()
def tell(yields: Mapping[str, Yield]) -> None:
    """Write reports/harvest.json and log it."""
    record = {name: asdict(found) for name, found in yields.items()}
    reports.write(paths.REPORTS / "harvest.json", record)
    tracking.report(
        {
            f"harvest.{name}.{figure}": value
            for name, figures in record.items()
            for figure, value in figures.items()
        }
    )


@flow
def harvest(config: HarvestConfig, dialogue: DialogueConfig, engine: EngineSettings) -> None:
    tell(search(config, dialogue, engine))


if __name__ == "__main__":
    main(harvest, "harvest", "dialogue", "engine")
