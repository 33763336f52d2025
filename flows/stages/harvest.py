"""Stage harvest: explore dialogues with JOSH, and roll some out plainly for the control."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from dialogue.progress import Listener
from flows import paths
from flows.reports import report
from flows.scaling import ScaleConfig, over_parts
from flows.server.progress import ProgressBars
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import skip_if_stopped
from josh.tree.store import read_trees
from services.engines import EngineSettings
from services.mlflow import tracking
from tasks.harvest import parts
from tasks.harvest.job import HarvestConfig, Job, of_round
from tasks.harvest.traces import trace_trees
from tasks.rounds.sequence import number
from toolwoz.users.dialogues import DialogueConfig


@task
def trace(config: HarvestConfig, round: str) -> None:
    """Log some golden paths as MLflow traces: a side output, so last."""
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
    trees, report_file = paths.TREES / round, paths.report("harvest", round)
    if skip_if_stopped(paths.start(round), trees, report_file):
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
        skip=config.scenarios * (number(round) - 1),
    )
    # Workers show their progress in a task run each.
    listeners: list[Listener] = [] if scale.shards else [tracking.report_progress, ProgressBars()]
    parts.prepare(job, scale.parts)
    over_parts(scale, "harvest", partial(parts.harvest_part, job, listeners=listeners))
    found = task(parts.gather)(job, scale.parts, trees)
    record = {name: asdict(one) for name, one in found.items()}
    report(report_file, record, {"harvest": record}, step=number(round))
    trace(config, round)


if __name__ == "__main__":
    main(harvest, "harvest", "dialogue", "engine", "scale", items=["round"])
