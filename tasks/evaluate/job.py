"""An evaluation: the policies of a round on the same held-out scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dialogue.bounds import Amount, Count, Positive, Seed, Share
from services.engines import EngineSettings
from services.fingerprint import fingerprint, key
from toolwoz.evaluation.policy_run import PolicyRun, read_policy_run
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.domains import Split
from toolwoz.world.scenario import Scenario, take

PolicyRuns = Mapping[Split, Mapping[str, PolicyRun]]
"""The results by split, then by policy."""


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """The section ``evaluate``.

    Attributes:
        seed: Seed of users and sampling; the same for every policy, so that dialogues pair.
        scenarios: How many of each split. ``val`` decides whether a policy is promoted, ``test``
            is what is reported and decides nothing.
        temperature: Temperature of sampling; 0 is greedy.
        concurrency: Dialogues in progress at any time.
        max_faults: Share of a policy's dialogues of a split that an engine's failure may leave
            unscored.
        traces: Test dialogues of each policy that MLflow keeps as traces; the report has all.
    """

    seed: Seed
    scenarios: Mapping[Split, Positive]
    temperature: Amount
    concurrency: Positive
    traces: Count = 10
    max_faults: Share = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An evaluation, in one process or several.

    Attributes:
        config, dialogue, engine: Sections of params.yaml.
        models: Policy -> its folder.
        corpus: Folder of the converted corpus.
        out: Folder of the results, in ``SPLIT/NAME``.
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
        """What a policy's results depend on apart from the seed, for their file."""
        return {
            "limits": {"messages": self.dialogue.max_messages},
            "dialogue": asdict(self.dialogue),
            "engine": asdict(self.engine.of(self.models[name], self.config.temperature)),
        }


def _holds(results: Path, scenarios: Mapping[Split, Sequence[Scenario]]) -> bool:
    """Whether these results are of just these scenarios."""
    if not results.is_dir():
        return False
    found = {folder.name: read_policy_run(folder).results for folder in results.iterdir()}
    return {split: sorted(one.scenario for one in played) for split, played in found.items()} == {
        split: sorted(scenario.id for scenario in chosen) for split, chosen in scenarios.items()
    }


def report(arms: PolicyRuns) -> dict[str, Any]:
    """What ``reports/evaluation/ROUND.json`` holds: the figures of each policy on each split.

    ``{"arms": {name: {split: Metrics and failures}}}``
    """
    figures: dict[str, dict[str, Any]] = {}
    for split, by_name in arms.items():
        for name, arm in by_name.items():
            failures = {kind.value: count for kind, count in arm.failures.items()}
            figures.setdefault(name, {})[split] = {**arm.metrics.to_json(), "failures": failures}
    return {"arms": figures}
