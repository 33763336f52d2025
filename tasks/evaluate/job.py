"""Evaluate the policies of a round on the same held-out scenarios."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from services.engines import EngineSettings, open_engine
from services.engines.endpoint import open_model
from services.fingerprint import fingerprint, key
from services.shards import WHOLE, Shard
from toolwoz.evaluation.arm import Arm, read_arm
from toolwoz.evaluation.result import Result
from toolwoz.evaluation.results_file import NAME as RESULTS
from toolwoz.evaluation.results_file import add_results, read_run
from toolwoz.evaluation.runner import run
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.domains import Split
from toolwoz.world.scenario import SCENARIOS, Scenario, take, write_scenarios

log = logging.getLogger(__name__)

PARTS = "parts"
"""Folder of what was played by parts, beside those of the splits."""
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
        traces: Test dialogues of each policy that MLflow keeps as traces; the report has all.
    """

    seed: int
    scenarios: Mapping[Split, int]
    temperature: float
    concurrency: int
    traces: int = 10


@dataclass(frozen=True, slots=True)
class Job:
    """An evaluation, whoever does it.

    Attributes:
        config, dialogue, engine: Sections of params.yaml.
        models: Policy -> its folder.
        corpus: Folder of the converted corpus.
        out: Of the results, in ``SPLIT/NAME``.
        work: Folder of the finished dialogues, until all are played.
        logs: Folder of the engines' logs.
        played: Policy -> folder of results, by split, that it may have from before.
    """

    config: EvaluateConfig
    dialogue: DialogueConfig
    engine: EngineSettings
    models: Mapping[str, Path]
    corpus: Path
    out: Path
    work: Path
    logs: Path
    played: Mapping[str, Path] = field(default_factory=dict)

    def scenarios(self) -> dict[Split, list[Scenario]]:
        """What is played, of each split."""
        return {split: take(self.corpus, split, n) for split, n in self.config.scenarios.items()}

    def is_played(self, name: str) -> bool:
        """Whether there are results from before, of just these scenarios."""
        return name in self.played and _holds(self.played[name], self.scenarios())

    def folder(self, name: str) -> Path:
        """Where a policy's results are continued, only if all that makes them is the same."""
        facts = key(
            seed=self.config.seed,
            scenarios=self.config.scenarios,
            **self.configuration(name),
            files=[fingerprint(self.models[name]), fingerprint(self.corpus)],
        )
        return self.work / f"{name}-{facts}"

    def configuration(self, name: str) -> dict[str, Any]:
        """What a policy's results depend on, for their file."""
        return {
            "limits": {"messages": self.dialogue.max_messages},
            "dialogue": asdict(self.dialogue),
            "engine": asdict(self.engine.of(self.models[name], self.config.temperature)),
        }


def evaluate(job: Job) -> Arms:
    """Play every scenario of every split with every model; results in ``out/SPLIT/NAME``.

    Finished dialogues stand in ``work`` until all are played, as DVC empties ``out`` before it runs
    a stage again: an evaluation that was killed continues where it stopped, also one that several
    processes shared.
    """
    arms: dict[Split, dict[str, Arm]] = {split: {} for split in job.config.scenarios}
    for name in job.models:
        if job.is_played(name):
            log.info("%s was evaluated in the round before", name)
        else:
            regroup(job, name)
            log.info("evaluating %s", name)
            play(job, name, job.scenarios(), job.folder(name))
        for split, arm in collect(job, name).items():
            arms[split][name] = arm
    shutil.rmtree(job.work, ignore_errors=True)
    return arms


def play(
    job: Job,
    name: str,
    scenarios: Mapping[Split, Sequence[Scenario]],
    folder: Path,
    shard: Shard = WHOLE,
) -> list[Result]:
    """Play scenarios with one model; what has a score is not played again.

    Args:
        job: The evaluation.
        name: Of the policy.
        scenarios: Those to be played, by split.
        folder: Of the results; it gets a folder of each split.
        shard: Which part they are: it has a log of its own.
    """
    world = job.dialogue.world(job.corpus)
    engine = job.engine.of(job.models[name], job.config.temperature)
    log_file = job.logs / f"evaluate-{job.out.name}-{name}{shard.name and '-'}{shard.name}.log"
    everything = [scenario for chosen in scenarios.values() for scenario in chosen]
    played: list[Result] = []
    with (
        job.dialogue.open_users(everything, open_model) as users,
        open_engine(engine, log=log_file) as policy,
    ):
        for split, chosen in scenarios.items():
            dialogues = run(
                policy,
                chosen,
                lambda scenario, seed: job.dialogue.start(scenario, world, users, seed),
                concurrency=job.config.concurrency,
                seed=job.config.seed,
                out=folder / split,
                configuration=job.configuration(name),
            )
            played += asyncio.run(dialogues)
    return played


def regroup(job: Job, name: str) -> None:
    """Bring what the parts of an evaluation have played into the results of the whole."""
    folder = job.folder(name)
    for split, chosen in job.scenarios().items():
        if found := sorted(folder.glob(f"{PARTS}/*/{split}/{RESULTS}")):
            configuration = {**job.configuration(name), "seed": job.config.seed}
            add_results(folder / split / RESULTS, found, configuration)
            write_scenarios(folder / split / SCENARIOS, chosen)
    shutil.rmtree(folder / PARTS, ignore_errors=True)


def collect(job: Job, name: str) -> dict[Split, Arm]:
    """The results of a policy, by split, which go to ``out/SPLIT/NAME``.

    Raises:
        OSError: dialogues are missing; what was played is kept in ``work``.
    """
    source = job.played[name] if job.is_played(name) else job.folder(name)
    arms: dict[Split, Arm] = {}
    for split, chosen in job.scenarios().items():
        path = source / split / RESULTS
        run = read_run(path) if path.is_file() else None
        played = {one.scenario for one in run.results} if run else set()
        if missing := [one.id for one in chosen if one.id not in played]:
            raise OSError(
                f"{path}: {len(missing)} of {len(chosen)} dialogues are missing ({missing[0]}, "
                "...); run the same command again: finished work is kept"
            )
        shutil.copytree(source / split, job.out / split / name, dirs_exist_ok=True)
        arms[split] = read_arm(job.out / split / name)
    return arms


def _holds(results: Path, scenarios: Mapping[Split, Sequence[Scenario]]) -> bool:
    """Whether these results are of just these scenarios."""
    if not results.is_dir():
        return False
    found = {folder.name: read_arm(folder).results for folder in results.iterdir()}
    return {split: sorted(one.scenario for one in played) for split, played in found.items()} == {
        split: sorted(scenario.id for scenario in chosen) for split, chosen in scenarios.items()
    }


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
