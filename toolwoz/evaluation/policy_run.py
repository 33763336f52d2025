"""An arm of a report: the results of one run, their scenarios, metrics and audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dialogue.records import RecordError
from toolwoz.evaluation.audit import Audit, Failure, audit
from toolwoz.evaluation.metrics import Metrics, summarise
from toolwoz.evaluation.runs.result import Key, Result
from toolwoz.evaluation.runs.results_file import NAME, read_run
from toolwoz.world.scenario import SCENARIOS, Scenario, read_scenarios


@dataclass(frozen=True)
class PolicyRun:
    """One of the runs that a report compares.

    Attributes:
        name: Short name, different from those of the other arms.
        results: The results, scored and unscored.
        scenarios: The known scenarios of the results, by id.
        configuration: The configuration that the results depend on, from their file.
        max_messages: The world's limit on utterances, where known: it distinguishes a user who gave
            up from one who was cut off.
    """

    name: str
    results: Sequence[Result]
    scenarios: Mapping[str, Scenario]
    configuration: Mapping[str, Any] = field(default_factory=dict)
    max_messages: int | None = None

    @cached_property
    def metrics(self) -> Metrics:
        return summarise(self.results)

    @cached_property
    def audits(self) -> Mapping[Key, Audit]:
        """The audits of the results whose scenario is known."""
        return {
            result.key: audit(
                self.scenarios[result.scenario],
                result.messages,
                result.earned,
                result.error,
                max_messages=self.max_messages,
            )
            for result in self.results
            if result.scenario in self.scenarios
        }

    @property
    def failures(self) -> dict[Failure, int]:
        """Number of dialogues that missed a goal, for every reason; the gravest one counts."""
        verdicts = [one.verdict for one in self.audits.values()]
        return {kind: verdicts.count(kind) for kind in Failure}

    def to_json(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        return {
            "configuration": dict(self.configuration),
            "metrics": self.metrics.to_json(),
            "failures": {kind.value: count for kind, count in self.failures.items()},
        }


def read_policy_run(folder: Path, name: str | None = None) -> PolicyRun:
    """The run that ``evaluate`` wrote into a folder, finished or not.

    Raises:
        RecordError: there are no results, or damaged ones.
        ValueError: its scenarios cannot be read.
    """
    run = read_run(folder / NAME)
    if run is None or not run.results:
        raise RecordError(f"{folder / NAME} has no results yet")
    path = folder / SCENARIOS
    scenarios = {s.id: s for s in read_scenarios(path)} if path.is_file() else {}
    limits = run.configuration.get("limits")
    return PolicyRun(
        name=name or folder.resolve().name,
        results=sorted(run.results.values(), key=lambda result: result.key),
        scenarios=scenarios,
        configuration=run.configuration,
        max_messages=limits.get("messages") if isinstance(limits, dict) else None,
    )
