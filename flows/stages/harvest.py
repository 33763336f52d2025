"""Stage harvest: explore dialogues with JOSH, and roll some out plainly for the control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

from dialogue.progress import Listener
from flows import paths, reports
from flows.scaling import ScaleConfig, over_parts
from flows.server.progress import ProgressBars
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from josh.tree.store import read_trees
from services.engines import EngineSettings
from services.mlflow import tracking
from tasks.harvest import parts
from tasks.harvest.job import HarvestConfig, Job, of_round
from tasks.harvest.summary import Yield
from tasks.harvest.traces import trace_trees
from tasks.rounds import sequence as rounds
from toolwoz.users.dialogues import DialogueConfig


@task()
def gather(job: Job, scale: ScaleConfig, round: str) -> dict[str, Yield]:
    """Put the round's trees together."""
    return parts.gather(job, scale.parts, paths.TREES / round)


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
        config=of_round(config, round),
        dialogue=dialogue,
        engine=engine,
        model=paths.start(round),
        corpus=paths.CORPUS,
        work=paths.WORK / "harvest" / round,
        logs=paths.LOGS,
        name=round,
        skip=config.scenarios * (rounds.number(round) - 1),
    )
    # workers have a task run each to look at
    listeners: list[Listener] = [] if scale.shards else [tracking.report_progress, ProgressBars()]
    parts.prepare(job, scale.parts)
    over_parts(scale, "harvest", partial(parts.harvest_part, job, listeners=listeners))
    tell(gather(job, scale, round), round)
    trace(config, round)


if __name__ == "__main__":
    main(harvest, "harvest", "dialogue", "engine", "scale", items=["round"])
