"""What an agent may do in a test, and a user to do it to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from toolwoz.completion import Message
from toolwoz.scenario import ENTITY_KEY, Scenario
from toolwoz.world import World


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
