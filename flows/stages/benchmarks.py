"""Stages baseline and benchmarks: the base, and a round's candidate, on general benchmarks.

python -m flows.stages.benchmarks base
python -m flows.stages.benchmarks r1
"""

from __future__ import annotations

from pathlib import Path

from flows import paths
from flows.reports import report
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import skip_if_stopped
from services.engines import EngineSettings
from services.mlflow.flat_metrics import benchmark_metrics
from tasks.benchmarks.job import BenchmarksConfig, Job, benchmark, figures
from tasks.rounds.sequence import BASE, GateConfig, number
from tasks.train.recipe import TrainConfig

DATA = Path("data/benchmarks")


@flow
def benchmarks(
    config: BenchmarksConfig,
    engine: EngineSettings,
    gate: GateConfig,
    train: TrainConfig,
    round: str,
) -> None:
    out, report_file = paths.BENCHMARKS / round, paths.report("benchmarks", round)
    if round == BASE:
        policy, model = BASE, paths.MODELS / BASE
    else:
        if skip_if_stopped(paths.start(round), out, report_file):
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
    record = figures(task(benchmark)(job))
    step = 0 if round == BASE else number(round)
    report(report_file, {policy: record}, {policy: benchmark_metrics(record)}, step=step)


if __name__ == "__main__":
    main(benchmarks, "benchmarks", "engine", "gate", "train", items=["round"])
