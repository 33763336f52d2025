"""Stage gate: a round's candidate becomes the policy that the next round starts from, or none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flows import paths, reports
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from services.mlflow import tracking
from tasks.benchmarks.scores.comparison import to_json
from tasks.rounds import gate as work
from tasks.rounds import start as policies
from tasks.rounds.gate import SPLIT, Decision
from tasks.rounds.sequence import BASE, GateConfig, Round, Stop, leave_note, number
from tasks.train.recipe import TrainConfig

log = logging.getLogger(__name__)


@task()
def judge(
    config: GateConfig, rounds: Mapping[str, Round], round: str
) -> tuple[Decision, dict[str, Any]]:
    """The decision, and the differences it rests on."""
    found = work.compared(config, rounds[round].after, paths.EVALUATION / round)
    differences = work.read_benchmarks(
        config, paths.BENCHMARKS, (BASE, f"{round}/{config.candidate}")
    )
    decision = work.decide(config, found, differences)
    log.info("gate of %s: %s is %s: %s", round, *asdict(decision).values())
    return decision, {
        "comparison": found[config.candidate][SPLIT],
        "benchmarks": {name: to_json(name, one) for name, one in differences.items()},
    }


@task()
def pass_on(decision: Decision, train: TrainConfig, round: str) -> None:
    """The accepted policy with its results, or the note that the rounds stop here."""
    out = paths.MODELS / round
    if decision.decision != "promoted":
        stop = Stop(round, f"{decision.candidate} is {decision.decision}: {decision.reason}")
        leave_note(stop, out)
        log.info("%s", stop)
        return
    results = {
        split.name: split / decision.candidate
        for split in (paths.EVALUATION / round).iterdir()
        if split.is_dir()
    }
    policies.accept(paths.ARMS / round / train.place(decision.candidate), results, out)


@task()
def tell(decision: Decision, evidence: Mapping[str, Any], after: str, round: str) -> None:
    """Write reports/gate/ROUND.json and log it."""
    record = {"start": after, **asdict(decision), **evidence}
    reports.write(paths.report("gate", round), record)
    gains = {
        f"gate.{figure}_gain": evidence["comparison"][figure]["estimate"]["value"]
        for figure in ("reward", "success")
    }
    promoted = {"gate.promoted": float(decision.decision == "promoted")}
    tracking.report({**gains, **promoted}, step=number(round))


@flow
def gate(config: GateConfig, train: TrainConfig, rounds: Mapping[str, Round], round: str) -> None:
    evaluation = paths.EVALUATION / round
    if is_passed(evaluation, paths.MODELS / round, paths.report("gate", round)):
        return
    decision, evidence = judge(config, rounds, round)
    pass_on(decision, train, round)
    tell(decision, evidence, rounds[round].after, round)


if __name__ == "__main__":
    main(gate, "gate", "train", "rounds", items=["round"])
