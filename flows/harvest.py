"""Stage harvest: explore dialogues with JOSH, and roll some out plainly for the control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from flows import paths, reports
from flows.progress import Progress
from flows.runtime import flow, task
from flows.stage import main
from josh.store import read_trees
from tasks import harvest as work
from tasks import tracking
from tasks.dialogues import DialogueConfig
from tasks.engines import EngineSettings
from tasks.harvest import HarvestConfig, Yield
from tasks.traces import trace_trees


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
        show=Progress(),
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


@task()
def trace(config: HarvestConfig) -> None:
    """Keep some golden paths where MLflow shows them turn by turn; a side output, so last."""
    for name in config.searches:
        trees = read_trees(paths.TREES / f"{name}.parquet")
        trace_trees(trees, name, config.split, config.traces)


@flow
def harvest(config: HarvestConfig, dialogue: DialogueConfig, engine: EngineSettings) -> None:
    tell(search(config, dialogue, engine))
    trace(config)


if __name__ == "__main__":
    main(harvest, "harvest", "dialogue", "engine")
