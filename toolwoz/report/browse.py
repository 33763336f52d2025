"""The dialogues of a report, compressed into its HTML file."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from typing import Any

from dialogue.strict_json import dumps
from toolwoz.evaluation.policy_run import PolicyRun
from toolwoz.evaluation.runs.result import Result


def pack(arms: Sequence[PolicyRun]) -> str:
    """Base64 of the gzipped JSON that ``report.js`` unpacks; the same arms give the same text."""
    scenarios = {s.id: s for arm in reversed(arms) for s in arm.scenarios.values()}
    played = {result.scenario for arm in arms for result in arm.results}
    record = {
        "scenarios": {
            name: {
                "domains": scenario.domains,
                "instructions": scenario.instructions,
                "goals": [
                    {
                        "id": goal.id,
                        "arguments": {**goal.arguments, **goal.entity},
                        "first_try": goal.first_try,
                    }
                    for goal in scenario.goals
                ],
                "requests": scenario.requests,
                "human": scenario.human,
            }
            for name, scenario in sorted(scenarios.items())
            if name in played
        },
        "arms": [
            {"name": arm.name, "dialogues": [_dialogue(arm, result) for result in arm.results]}
            for arm in arms
        ],
    }
    return base64.b64encode(gzip.compress(dumps(record).encode(), mtime=0)).decode()


def _dialogue(arm: PolicyRun, result: Result) -> dict[str, Any]:
    found = arm.audits.get(result.key)
    return {
        "scenario": result.scenario,
        "trial": result.trial,
        "goals": result.goals,
        "earned": result.earned,
        "error": result.error,
        "truncated": result.truncated,
        "missed": found.missed if found else {},
        "unsaid": found.unsaid if found else {},
        "messages": [message for message in result.messages if message["role"] != "system"],
    }
