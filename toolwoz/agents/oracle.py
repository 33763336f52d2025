"""The oracle: makes exactly the goal calls of its scenario, one a turn, whatever the user says."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from dialogue.protocols import Completion, Message, Tool
from toolwoz.agents import phrases
from toolwoz.agents.messages import call, last_row, report, speak
from toolwoz.world.domains import ENTITY_KEY
from toolwoz.world.scenario import Goal, Scenario


class Oracle:
    """A policy for one scenario: the ceiling of what a benchmark can give."""

    def __init__(self, scenario: Scenario) -> None:
        self._goals = scenario.goals

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion:
        del tools  # It knows which to call.
        rng = Random(seed)
        if messages[-1]["role"] == "tool":
            return speak(report(messages[-1], rng))
        made = sum(message["role"] == "tool" for message in messages)
        if made == len(self._goals):
            return speak(phrases.farewell(rng))
        return _goal_call(self._goals[made], messages)


def _goal_call(goal: Goal, messages: Sequence[Message]) -> Completion:
    """The goal's call; a booking without an entity of its own takes what was found."""
    entity = dict(goal.entity)
    row = last_row(messages, goal.domain) if goal.is_booking and not entity else None
    if row:
        key = ENTITY_KEY[goal.domain]
        entity[key] = row[key]
    return call(messages, goal.tool, {**entity, **goal.arguments})
