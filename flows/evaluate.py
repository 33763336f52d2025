"""Stage evaluate: every policy on the same held-out scenarios, each compared with the base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows import paths, reports
from flows.runtime import flow, task
from flows.stage import main
from tasks import evaluate as work
from tasks import tracking
from tasks.compare import page
from tasks.compare.source import Run
from tasks.dialogues import DialogueConfig
from tasks.engines import EngineSettings
from tasks.evaluate import Arms, EvaluateConfig
from tasks.traces import trace_dialogues
from tasks.training.recipe import TrainConfig

REPORT = paths.REPORTS / "report.html"


@task()
def play(
    config: EvaluateConfig, train: TrainConfig, dialogue: DialogueConfig, engine: EngineSettings
) -> Arms:
    """Let every policy play every scenario."""
    models = {name: paths.MODELS / name for name in (work.BASE, *train.arms)}
    return work.evaluate(
        config,
        dialogue,
        engine,
        models,
        paths.CORPUS,
        paths.REPORTS / "evaluation",
        work=paths.WORK / "evaluate",
        logs=paths.LOGS,
    )


@task()
def compare(config: EvaluateConfig, arms: Arms) -> dict[str, Any]:
    """Metrics of each policy, its paired difference from the base, and the gate's decision."""
    return work.report(config, arms, paths.REPORTS / "benchmarks")


@task()
def tell(record: Mapping[str, Any], train: TrainConfig) -> None:
    """Write reports/metrics.json and log what policies are compared by, with a run for each."""
    reports.write(paths.REPORTS / "metrics.json", record)
    tracking.report(work.headline(record))
    for name, figures in work.by_policy(record).items():
        arm = train.arms.get(name)  # the base has none
        tracking.report_policy(name, {"arm": arm} if arm else {}, figures)


@task()
def draw(arms: Arms, record: Mapping[str, Any]) -> None:
    """Write reports/report.html: every policy against the base on the test split."""
    runs = [Run(name, arm) for name, arm in arms["test"].items()]
    page.write(REPORT, runs, record["gate"])
    tracking.keep(REPORT)


@task()
def trace(config: EvaluateConfig, arms: Arms) -> None:
    """Keep the first test dialogues of each policy where MLflow shows them turn by turn.

    Last, and a side output: the results stand in files by now, and a store that fails is a
    warning.
    """
    for name, arm in arms["test"].items():
        trace_dialogues(arm.results, name, "test", config.traces)


@flow
def evaluate(
    config: EvaluateConfig, train: TrainConfig, dialogue: DialogueConfig, engine: EngineSettings
) -> None:
    arms = play(config, train, dialogue, engine)
    record = compare(config, arms)
    tell(record, train)
    draw(arms, record)
    trace(config, arms)


if __name__ == "__main__":
    main(evaluate, "evaluate", "train", "dialogue", "engine")
