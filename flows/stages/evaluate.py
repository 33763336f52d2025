"""Stage evaluate: the policies of a round on the same held-out scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flows import paths
from flows.reports import report
from flows.scaling import ScaleConfig, over_parts
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import skip_if_stopped
from services.engines import EngineSettings
from services.mlflow.flat_metrics import split_metrics
from services.mlflow.traces import trace_dialogues
from tasks.evaluate import parts
from tasks.evaluate.job import EvaluateConfig, Job, PolicyRuns
from tasks.evaluate.job import report as to_record
from tasks.rounds.sequence import BASE, EVALUATION, Round, number
from tasks.train.recipe import TrainConfig
from toolwoz.users.dialogues import DialogueConfig


@task
def trace(config: EvaluateConfig, arms: PolicyRuns, round: str) -> None:
    """Log the first test dialogues of each policy as MLflow traces: a side output, so last."""
    for name, arm in arms["test"].items():
        policy = name if name == BASE else f"{round}/{name}"
        trace_dialogues(arm.results, policy, "test", config.traces)


@flow
def evaluate(
    config: EvaluateConfig,
    train: TrainConfig,
    dialogue: DialogueConfig,
    engine: EngineSettings,
    rounds: Mapping[str, Round],
    scale: ScaleConfig,
    round: str,
) -> None:
    out, report_file = paths.EVALUATION / round, paths.report("evaluation", round)
    if skip_if_stopped(paths.start(round), out, report_file):
        return
    before = rounds[round].after
    trained = {name: paths.ARMS / round / train.place(name) for name in train.policies}
    job = Job(
        config=config,
        dialogue=dialogue,
        engine=engine,
        models={before: paths.start(round), **trained},
        corpus=paths.CORPUS,
        out=out,
        work=paths.WORK / "evaluate" / round,
        logs=paths.LOGS,
        played={before: paths.MODELS / before / EVALUATION},
    )
    parts.prepare(job)
    over_parts(scale, "evaluate", partial(parts.play_part, job))
    arms = task(parts.gather)(job)
    record = to_record(arms)
    figures = {name: split_metrics(by_split) for name, by_split in record["arms"].items()}
    report(report_file, record, figures, step=number(round))
    trace(config, arms, round)


if __name__ == "__main__":
    main(evaluate, "evaluate", "train", "dialogue", "engine", "rounds", "scale", items=["round"])
