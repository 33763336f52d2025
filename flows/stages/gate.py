"""Stage gate: a round's candidate becomes the policy that the next round starts from, or none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flows import paths
from flows.reports import report
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import skip_if_stopped
from tasks.benchmarks.scores.comparison import to_json
from tasks.rounds.accept import accept
from tasks.rounds.gate import SPLIT, Decision, compared, decide, read_benchmarks
from tasks.rounds.sequence import BASE, GateConfig, Round, Stop, number, write_stop
from tasks.train.recipe import TrainConfig

log = logging.getLogger(__name__)


@task
def judge(
    config: GateConfig, rounds: Mapping[str, Round], round: str
) -> tuple[Decision, dict[str, Any]]:
    """The decision, and the differences that it rests on."""
    found = compared(config, rounds[round].after, paths.EVALUATION / round)
    policies = (BASE, f"{round}/{config.candidate}")
    differences = read_benchmarks(config, paths.BENCHMARKS, policies)
    decision = decide(config, found, differences)
    log.info("gate of %s: %s is %s: %s", round, *asdict(decision).values())
    return decision, {
        "comparison": found[config.candidate][SPLIT],
        "benchmarks": {name: to_json(name, one) for name, one in differences.items()},
    }


@task
def pass_on(decision: Decision, train: TrainConfig, round: str) -> None:
    """Write what the next round starts from: the accepted policy and results, or a stop note."""
    out = paths.MODELS / round
    if decision.decision != "promoted":
        stop = Stop(round, f"{decision.candidate} is {decision.decision}: {decision.reason}")
        write_stop(stop, out)
        log.info("%s", stop)
        return
    results = {
        split.name: split / decision.candidate
        for split in (paths.EVALUATION / round).iterdir()
        if split.is_dir()
    }
    accept(paths.ARMS / round / train.place(decision.candidate), results, out)


@flow
def gate(config: GateConfig, train: TrainConfig, rounds: Mapping[str, Round], round: str) -> None:
    report_file = paths.report("gate", round)
    if skip_if_stopped(paths.EVALUATION / round, paths.MODELS / round, report_file):
        return
    decision, evidence = judge(config, rounds, round)
    pass_on(decision, train, round)
    record = {"start": rounds[round].after, **asdict(decision), **evidence}
    gains = {
        f"{figure}_gain": evidence["comparison"][figure]["estimate"]["value"]
        for figure in ("reward", "success")
    }
    figures = {"gate": {**gains, "promoted": float(decision.decision == "promoted")}}
    report(report_file, record, figures, step=number(round))


if __name__ == "__main__":
    main(gate, "gate", "train", "rounds", items=["round"])
