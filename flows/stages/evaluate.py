"""Stage evaluate: the policies of a round on the same held-out scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flows import paths, reports
from flows.scaling import ScaleConfig, over_parts
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from services.engines import EngineSettings
from services.mlflow import tracking
from services.mlflow.flat_metrics import flat
from services.mlflow.traces import trace_dialogues
from tasks.evaluate import parts
from tasks.evaluate.job import Arms, EvaluateConfig, Job, report
from tasks.rounds import sequence as all_rounds
from tasks.rounds.sequence import EVALUATION, Round
from tasks.train.recipe import TrainConfig
from toolwoz.users.dialogues import DialogueConfig


@task()
def gather(job: Job) -> Arms:
    """Put the results of the round's policies together."""
    return parts.gather(job)


@task()
def tell(arms: Arms, round: str) -> None:
    """Write reports/evaluation/ROUND.json and log it."""
    record = report(arms)
    reports.write(paths.report("evaluation", round), record)
    for name, by_split in record["arms"].items():
        figures = {f"{name}.{figure}": value for figure, value in flat(by_split).items()}
        tracking.report(figures, step=all_rounds.number(round))


@task()
def trace(config: EvaluateConfig, arms: Arms, round: str) -> None:
    """Keep the first test dialogues of each policy where MLflow shows them turn by turn.

    Last, and a side output: the results stand in files by now, and a store that fails is a
    warning.
    """
    for name, arm in arms["test"].items():
        policy = name if name == all_rounds.BASE else f"{round}/{name}"
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
    out = paths.EVALUATION / round
    if is_passed(paths.start(round), out, paths.report("evaluation", round)):
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
    arms = gather(job)
    tell(arms, round)
    trace(config, arms, round)


if __name__ == "__main__":
    main(evaluate, "evaluate", "train", "dialogue", "engine", "rounds", "scale", items=["round"])
