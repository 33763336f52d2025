"""Stage harvest: explore dialogues with JOSH, and roll some out plainly for the control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

from flows import paths, reports
from flows.scaling import ScaleConfig, over_shards
from flows.server.progress import ProgressBars
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from josh.tree.store import read_trees
from services.engines import EngineSettings
from services.mlflow import tracking
from tasks.harvest import job as work
from tasks.harvest import sharded as sharded_harvest
from tasks.harvest.job import HarvestConfig, Job
from tasks.harvest.summary import Yield
from tasks.harvest.traces import trace_trees
from tasks.rounds import sequence as rounds
from toolwoz.users.dialogues import DialogueConfig


@task()
def search(job: Job, round: str) -> dict[str, Yield]:
    """Grow the round's trees."""
    return work.harvest(job, paths.TREES / round, [tracking.report_progress, ProgressBars()])


def share(job: Job, scale: ScaleConfig, round: str) -> dict[str, Yield]:
    """Grow the same trees on many machines."""
    sharded_harvest.prepare(job, scale.shards)
    over_shards(scale, "harvest", partial(sharded_harvest.harvest_shard, job))
    return sharded_harvest.gather(job, scale.shards, paths.TREES / round)


@task()
def tell(yields: Mapping[str, Yield], round: str) -> None:
    """Write reports/harvest/ROUND.json and log it."""
    record = {name: asdict(found) for name, found in yields.items()}
    reports.write(paths.report("harvest", round), record)
    figures = {
        f"harvest.{name}.{figure}": value
        for name, figures in record.items()
        for figure, value in figures.items()
    }
    tracking.report(figures, step=rounds.number(round))


@task()
def trace(config: HarvestConfig, round: str) -> None:
    """Keep some golden paths where MLflow shows them turn by turn; a side output, so last."""
    for name in config.searches:
        trees = read_trees(paths.TREES / round / f"{name}.parquet")
        trace_trees(trees, name, config.split, config.traces)


@flow
def harvest(
    config: HarvestConfig,
    dialogue: DialogueConfig,
    engine: EngineSettings,
    scale: ScaleConfig,
    round: str,
) -> None:
    if is_passed(paths.start(round), paths.TREES / round, paths.report("harvest", round)):
        return
    job = Job(
        work.of_round(config, round),
        dialogue,
        engine,
        paths.start(round),
        paths.CORPUS,
        paths.WORK / "harvest" / round,
        paths.LOGS,
        round,
        skip=config.scenarios * (rounds.number(round) - 1),
    )
    found = share(job, scale, round) if scale.shards else search(job, round)
    tell(found, round)
    trace(config, round)


if __name__ == "__main__":
    main(harvest, "harvest", "dialogue", "engine", "scale", items=["round"])
