"""Stages baseline and benchmarks: the base, then a round's candidate, on the general benchmarks.

python -m flows.stages.benchmarks base
python -m flows.stages.benchmarks r1
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flows import paths, reports
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from services.engines import EngineSettings
from services.mlflow import tracking
from services.mlflow.flat_metrics import of_benchmarks
from tasks.benchmarks import job as work
from tasks.benchmarks.job import BenchmarksConfig, Job
from tasks.benchmarks.summary import Metrics
from tasks.rounds.sequence import BASE, GateConfig, number
from tasks.train.recipe import TrainConfig

DATA = Path("data/benchmarks")


@task()
def play(job: Job) -> Mapping[str, Metrics]:
    """Ask the policy every item of every benchmark."""
    return work.benchmark(job)


@task()
def tell(found: Mapping[str, Metrics], policy: str, round: str) -> None:
    """Write reports/benchmarks/ROUND.json and log it."""
    record = {policy: work.figures(found)}
    reports.write(paths.report("benchmarks", round), record)
    figures = {f"{policy}.{name}": value for name, value in of_benchmarks(record[policy]).items()}
    tracking.report(figures, step=0 if round == BASE else number(round))


@flow
def benchmarks(
    config: BenchmarksConfig,
    engine: EngineSettings,
    gate: GateConfig,
    train: TrainConfig,
    round: str,
) -> None:
    out = paths.BENCHMARKS / round
    if round == BASE:
        policy, model = BASE, paths.MODELS / BASE
    else:
        if is_passed(paths.start(round), out, paths.report("benchmarks", round)):
            return
        policy = gate.candidate
        model = paths.ARMS / round / train.place(policy)
        out = out / policy
    job = Job(
        config=config,
        engine=engine,
        model=model,
        data=DATA,
        out=out,
        work=paths.WORK / "benchmarks" / round,
        log=paths.LOGS / f"benchmarks-{round}-engine.log",
    )
    tell(play(job), policy, round)


if __name__ == "__main__":
    main(benchmarks, "benchmarks", "engine", "gate", "train", items=["round"])
