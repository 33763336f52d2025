"""Evaluate policies on the same held-out scenarios, and compare each with the base in pairs."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.dialogues import DialogueConfig, Users, take
from tasks.engines import EngineConfig, EngineSettings, open_engine
from tasks.fingerprint import fingerprint, key
from tasks.gate import GateConfig, decide, read_benchmarks
from tasks.users import open_users
from toolwoz.metrics import compare
from toolwoz.report.arm import Arm
from toolwoz.result import Result
from toolwoz.runner import run
from toolwoz.scenario import Scenario, Split
from toolwoz.world import World

log = logging.getLogger(__name__)

BASE = "base"
Arms = Mapping[Split, Mapping[str, Arm]]
"""The results by split, then by policy."""


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """The section ``evaluate``.

    Attributes:
        seed: Of users and sampling; the same for every policy, so that dialogues pair.
        scenarios: How many of each split. ``val`` decides whether a policy is promoted, ``test``
            is what is reported and decides nothing.
        temperature: Of sampling; 0 is greedy.
        concurrency: Dialogues in progress at any time.
        gate: What decides on promotion.
        traces: Test dialogues of each policy that MLflow keeps as traces; the report has all.
    """

    seed: int
    scenarios: Mapping[Split, int]
    temperature: float
    concurrency: int
    gate: GateConfig
    traces: int = 10


def evaluate(
    config: EvaluateConfig,
    dialogue: DialogueConfig,
    engine: EngineSettings,
    models: Mapping[str, Path],
    corpus: Path,
    out: Path,
    *,
    work: Path,
    logs: Path,
) -> Arms:
    """Play every scenario of every split with every model; results in ``out/SPLIT/NAME``.

    Finished dialogues stand in `work` until all are played, as DVC empties ``out`` before it runs
    a stage again: an evaluation that was killed continues where it stopped.
    """
    world = dialogue.world(corpus)
    scenarios = {split: take(corpus, split, n) for split, n in config.scenarios.items()}
    arms: dict[Split, dict[str, Arm]] = {split: {} for split in scenarios}
    for name, model in models.items():
        settings = engine.of(model, config.temperature)
        place = work / f"{name}-{_key(config, dialogue, settings, model, corpus)}"
        log.info("evaluating %s", name)
        everything = [scenario for chosen in scenarios.values() for scenario in chosen]
        with (
            open_users(dialogue.user, dialogue.user_model, everything) as users,
            open_engine(settings, log=logs / f"evaluate-{name}.log") as policy,
        ):
            for split, chosen in scenarios.items():
                results = asyncio.run(
                    _play(config, dialogue, world, users, policy, chosen, place / split, settings)
                )
                shutil.copytree(place / split, out / split / name, dirs_exist_ok=True)
                arms[split][name] = Arm(
                    name,
                    results,
                    {scenario.id: scenario for scenario in chosen},
                    max_messages=dialogue.max_messages,
                )
    shutil.rmtree(work)
    return arms


def _key(
    config: EvaluateConfig,
    dialogue: DialogueConfig,
    settings: EngineConfig,
    model: Path,
    corpus: Path,
) -> str:
    """Results are continued only if all that makes them is the same."""
    return key(
        seed=config.seed,
        scenarios=config.scenarios,
        dialogue=asdict(dialogue),
        engine=asdict(settings),
        files=[fingerprint(model), fingerprint(corpus)],
    )


async def _play(
    config: EvaluateConfig,
    dialogue: DialogueConfig,
    world: World,
    users: Users,
    policy: Any,
    scenarios: Sequence[Scenario],
    out: Path,
    settings: EngineConfig,
) -> list[Result]:
    return await run(
        policy,
        scenarios,
        lambda scenario, seed: dialogue.start(scenario, world, users, seed),
        concurrency=config.concurrency,
        seed=config.seed,
        out=out,
        configuration={"dialogue": asdict(dialogue), "engine": asdict(settings)},
    )


def report(config: EvaluateConfig, arms: Arms, benchmarks: Path) -> dict[str, Any]:
    """What ``reports/metrics.json`` holds: every arm's metrics, and its difference from the base.

    ``{"arms": {name: {split: Metrics and failures}}, "comparisons": {name: {split: Comparison}},
    "gate": Decision}``

    Args:
        config: Holds the gate's rule.
        arms: What was played.
        benchmarks: Folder of the runs that the gate's margins are about, ``POLICY/BENCHMARK``.
    """
    figures: dict[str, dict[str, Any]] = {}
    comparisons: dict[str, dict[str, Any]] = {}
    for split, by_name in arms.items():
        for name, arm in by_name.items():
            failures = {kind.value: count for kind, count in arm.failures.items()}
            figures.setdefault(name, {})[split] = {**arm.metrics.to_json(), "failures": failures}
            if name != BASE:
                difference = compare(by_name[BASE].results, arm.results).to_json()
                comparisons.setdefault(name, {})[split] = difference
    differences = read_benchmarks(config.gate, benchmarks, BASE)
    gate = decide(config.gate, comparisons, differences)
    log.info("gate: %s is %s: %s", gate.candidate, gate.decision, gate.reason)
    return {
        "arms": figures,
        "comparisons": comparisons,
        "benchmarks": {name: one.to_json() for name, one in differences.items()},
        "gate": asdict(gate),
    }


def headline(record: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a report that policies are compared by, flat: ``test.kto.success``..."""
    return {f"{split}.{name}.{figure}": value for name, split, figure, value in _figures(record)}


def by_policy(record: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The same figures of each policy, by the same names: ``{"kto": {"test.success": ...}}``."""
    found: dict[str, dict[str, float]] = {name: {} for name in record["arms"]}
    for name, split, figure, value in _figures(record):
        found[name][f"{split}.{figure}"] = value
    return found


def _figures(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float]]:
    """Policy, split, figure and its value, of all that could be estimated."""
    for name, by_split in record["arms"].items():
        for split, metrics in by_split.items():
            for figure in ("reward", "success"):
                if metrics[figure]["value"] is not None:
                    yield name, split, figure, metrics[figure]["value"]
            yield name, split, "unscored", metrics["unscored"]
    for name, by_split in record["comparisons"].items():
        for split, comparison in by_split.items():
            for figure in ("reward", "success"):
                gain = comparison[figure]["estimate"]["value"]
                if gain is not None:
                    yield name, split, f"{figure}_gain", gain
