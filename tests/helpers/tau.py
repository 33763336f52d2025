"""τ-bench's tasks with the calls of their references, for the tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from tau2.domains.airline import environment as airline
from tau2.domains.retail import environment as retail

from tests.helpers.fakes import Message
from worlds.tau_bench import Domain, Episode, Scenario, ScriptedUser

PACKAGES = {"retail": retail, "airline": airline}
USER = ScriptedUser([f"I want it done, please. ({number})" for number in range(60)])


class Annotated(NamedTuple):
    """A scenario, the calls of its reference, and those of them that write."""

    scenario: Scenario
    calls: list[Message]
    writes: list[Message]


def call(name: str, **arguments: Any) -> Message:
    function = {"name": name, "arguments": json.dumps(arguments)}
    entry = {"id": "call_0", "type": "function", "function": function}
    return {"role": "assistant", "content": "", "tool_calls": [entry]}


@cache
def domain(name: str) -> Domain:
    return Domain.load(name)  # type: ignore[arg-type]


@cache
def annotated(name: str) -> Mapping[str, Annotated]:
    found = {}
    tasks = PACKAGES[name].get_tasks()
    for scenario, task in zip(domain(name).scenarios(), tasks, strict=True):
        actions = task.evaluation_criteria.actions or ()
        ids = {goal.id.split()[1] for goal in scenario.goals}
        writes = [call(one.name, **one.arguments) for one in actions if one.action_id in ids]
        calls = [call(one.name, **one.arguments) for one in actions]
        found[scenario.id] = Annotated(scenario, calls, writes)
    return found


def task(scenario_id: str) -> Annotated:
    return annotated(scenario_id.split("-")[0])[scenario_id]


def begin(scenario_id: str, **options: Any) -> Episode:
    name = scenario_id.split("-")[0]
    return asyncio.run(Episode.start(domain(name), task(scenario_id).scenario, USER, **options))


def play(episode: Episode, script: Sequence[Message]) -> Episode:
    async def steps() -> None:
        for message in script:
            await episode.step(message)

    asyncio.run(steps())
    return episode
