"""Evaluate the policies of a round on the same held-out scenarios."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.dialogues import DialogueConfig, Users, take
from tasks.engines import EngineConfig, EngineSettings, open_engine
from tasks.fingerprint import fingerprint, key
from tasks.gate import GateConfig
from tasks.users import open_users
from toolwoz.report.arm import Arm, read_arm
from toolwoz.runner import run
from toolwoz.scenario import Scenario, Split
from toolwoz.world import World

log = logging.getLogger(__name__)

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
    played: Mapping[str, Path] | None = None,
) -> Arms:
    """Play every scenario of every split with every model; results in ``out/SPLIT/NAME``.

    Finished dialogues stand in `work` until all are played, as DVC empties ``out`` before it runs
    a stage again: an evaluation that was killed continues where it stopped.

    Args:
        played: Folder of the results, by split, of a model that may have played the same before;
            they are then taken from there.
    """
    world = dialogue.world(corpus)
    scenarios = {split: take(corpus, split, n) for split, n in config.scenarios.items()}
    arms: dict[Split, dict[str, Arm]] = {split: {} for split in scenarios}
    for name, model in models.items():
        earlier = (played or {}).get(name)
        if earlier is not None and _holds(earlier, scenarios):
            log.info("%s was evaluated in the round before", name)
            for split in scenarios:
                shutil.copytree(earlier / split, out / split / name, dirs_exist_ok=True)
                arms[split][name] = read_arm(out / split / name)
            continue
        settings = engine.of(model, config.temperature)
        place = work / f"{name}-{_key(config, dialogue, settings, model, corpus)}"
        log.info("evaluating %s", name)
        everything = [scenario for chosen in scenarios.values() for scenario in chosen]
        with (
            open_users(dialogue.user, dialogue.user_model, everything) as users,
            open_engine(settings, log=logs / f"evaluate-{out.name}-{name}.log") as policy,
        ):
            for split, chosen in scenarios.items():
                asyncio.run(
                    _play(config, dialogue, world, users, policy, chosen, place / split, settings)
                )
                shutil.copytree(place / split, out / split / name, dirs_exist_ok=True)
                arms[split][name] = read_arm(out / split / name)
    shutil.rmtree(work, ignore_errors=True)
    return arms


def _holds(results: Path, scenarios: Mapping[Split, Sequence[Scenario]]) -> bool:
    """Whether these results are of just these scenarios."""
    if not results.is_dir():
        return False
    found = {folder.name: read_arm(folder).results for folder in results.iterdir()}
    return {split: sorted(one.scenario for one in played) for split, played in found.items()} == {
        split: sorted(scenario.id for scenario in chosen) for split, chosen in scenarios.items()
    }


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
) -> None:
    await run(
        policy,
        scenarios,
        lambda scenario, seed: dialogue.start(scenario, world, users, seed),
        concurrency=config.concurrency,
        seed=config.seed,
        out=out,
        configuration={
            "limits": {"messages": dialogue.max_messages},
            "dialogue": asdict(dialogue),
            "engine": asdict(settings),
        },
    )


def report(arms: Arms) -> dict[str, Any]:
    """What ``reports/evaluation/ROUND.json`` holds: the figures of each policy on each split.

    ``{"arms": {name: {split: Metrics and failures}}}``
    """
    figures: dict[str, dict[str, Any]] = {}
    for split, by_name in arms.items():
        for name, arm in by_name.items():
            failures = {kind.value: count for kind, count in arm.failures.items()}
            figures.setdefault(name, {})[split] = {**arm.metrics.to_json(), "failures": failures}
    return {"arms": figures}
