"""What an agent may do in a test, and a user to do it to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dialogue.protocols import Message
from toolwoz.world.calls import Answer
from toolwoz.world.domains import ENTITY_KEY
from toolwoz.world.rules import earned
from toolwoz.world.scenario import Goal, Scenario
from toolwoz.world.world import World


async def talker(_: Scenario, messages: Sequence[Message]) -> str | None:
    """A user who says how much it has heard, and hangs up after a while."""
    return None if len(messages) > 40 else f"I have heard {len(messages)} messages."


def calls(*made: tuple[str, Any]) -> Message:
    entries = [
        {
            "id": f"c{i}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for i, (name, arguments) in enumerate(made)
    ]
    return {"role": "assistant", "content": None, "tool_calls": entries}


def goal_calls(world: World, scenario: Scenario) -> list[Message]:
    """One message per goal call, with the first entity that the search finds."""
    script = []
    for goal in scenario.goals:
        entity = dict(goal.entity)
        search = scenario.goal(f"search_{goal.domain}")
        if goal.is_booking and not entity and search is not None:
            key = ENTITY_KEY[goal.domain]
            entity = {key: world.database.search(goal.domain, search.arguments)[0][key]}
        script.append(calls((goal.tool, {**goal.arguments, **entity})))
    return script


def limited(world: World, **limits: int) -> World:
    return replace(world, limits=replace(world.limits, **limits))


class Played:
    """One scenario and what calls come to in it."""

    def __init__(self, world: World, *goals: Goal) -> None:
        self.world = world
        self.scenario = Scenario("X", "test", world.mode, (), goals)

    def call(self, tool: str, **arguments: Any) -> Answer:
        return self.world.answer(self.scenario, tool, json.dumps(arguments), seed=0)

    def content(self, tool: str, **arguments: Any) -> Any:
        return json.loads(self.call(tool, **arguments).content)

    def wins(self, tool: str, **arguments: Any) -> bool:
        return earned(self.world.database, self.scenario, self.call(tool, **arguments)) == tool
