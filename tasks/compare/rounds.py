"""All rounds as one comparison: every policy of every round against the base, in pairs.

A policy is named ``base``, or ``ROUND/ARM``. A policy that a round accepted is not listed again in
the next round, which starts from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.mlflow.flat_metrics import benchmark_metrics, gains, split_metrics
from tasks.rounds.sequence import BASE, Round
from toolwoz.evaluation.metrics import compare
from toolwoz.evaluation.policy_run import PolicyRun, read_policy_run


@dataclass(frozen=True, slots=True)
class Played:
    """The evaluations and benchmarks of all rounds.

    Attributes:
        figures: Policy -> split -> metrics and failures.
        arms: Split -> policy -> results.
        benchmarks: Policy -> benchmark -> figures.
    """

    figures: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    arms: dict[str, dict[str, PolicyRun]] = field(default_factory=dict)
    benchmarks: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def read_rounds(evaluation: Path, benchmarks: Path, rounds: Mapping[str, Round]) -> Played:
    """Read ``reports/evaluation`` and ``reports/benchmarks`` of the rounds that were run."""
    played = Played(benchmarks=_figures(benchmarks, rounds))
    for name, one in rounds.items():
        record = json.loads((evaluation / f"{name}.json").read_text(encoding="utf-8"))
        for policy, by_split in record.get("arms", {}).items():
            if policy == one.after != BASE:
                continue
            label = BASE if policy == BASE else f"{name}/{policy}"
            played.figures[label] = by_split
            for split in by_split:
                arm = read_policy_run(evaluation / name / split / policy, label)
                played.arms.setdefault(split, {})[label] = arm
    return played


def _figures(benchmarks: Path, rounds: Mapping[str, Round]) -> dict[str, Mapping[str, Any]]:
    found = {}
    for name in (BASE, *rounds):
        record = json.loads((benchmarks / f"{name}.json").read_text(encoding="utf-8"))
        for policy, figures in record.items():
            if figures and "stopped" not in record:
                found[BASE if name == BASE else f"{name}/{policy}"] = figures
    return found


def to_record(played: Played, gates: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content of ``reports/metrics.json``.

    ``{"arms": {policy: {split: Metrics and failures}}, "comparisons": {policy: {split: Comparison
    with the base}}, "benchmarks": {policy: {benchmark: its figures}}, "rounds": {round: its gate's
    Decision, or the stop}, "gate": the last Decision, "policy": the one accepted last}``

    Args:
        played: Results of all rounds.
        gates: Round -> report of its gate, in the order of the rounds.
    """
    comparisons: dict[str, dict[str, Any]] = {}
    for split, by_name in played.arms.items():
        for name, arm in by_name.items():
            if name != BASE:
                found = compare(by_name[BASE].results, arm.results).to_json()
                comparisons.setdefault(name, {})[split] = found
    kept = ("start", "candidate", "decision", "reason", "stopped")
    rounds = {name: {key: gate[key] for key in kept if key in gate} for name, gate in gates.items()}
    judged = {name: gate for name, gate in rounds.items() if "decision" in gate}
    last: dict[str, Any] = {}
    policy = BASE
    for name, gate in judged.items():
        label = f"{name}/{gate['candidate']}"
        last = {**gate, "candidate": label}
        policy = label if gate["decision"] == "promoted" else policy
    return {
        "arms": played.figures,
        "comparisons": comparisons,
        "benchmarks": played.benchmarks,
        "rounds": rounds,
        "gate": last,
        "policy": policy,
    }


def by_policy(record: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The figures of each policy, under the same names: ``{"r1/kto": {"test.success": ...}}``."""
    return {
        name: {
            **split_metrics(by_split),
            **gains(record["comparisons"].get(name, {})),
            **benchmark_metrics(record["benchmarks"].get(name, {})),
        }
        for name, by_split in record["arms"].items()
    }
