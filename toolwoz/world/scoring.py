"""When a goal is reached: the scorer reads answered calls and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from toolwoz.world.calls import Answer
from toolwoz.world.database import Database
from toolwoz.world.rules import parity
from toolwoz.world.rules import v2 as corrected
from toolwoz.world.scenario import Goal, Mode, Scenario

Scorer = Callable[[Database, Scenario, Goal, Answer], bool]

REACHED: Final[Mapping[Mode, Scorer]] = {"parity": parity.reached, "v2": corrected.reached}


def reached(database: Database, scenario: Scenario, goal: Goal, answer: Answer) -> bool:
    """Whether this one answered call reaches the goal, by the rules of the scenario's mode.

    Both modes judge each call on its own, so a dialogue's reward is the union over its calls.
    """
    return REACHED[scenario.mode](database, scenario, goal, answer)


def earned(database: Database, scenario: Scenario, answer: Answer) -> str | None:
    """The id of the goal this answered call reaches, or None."""
    goal = scenario.goal(answer.call.tool) if answer.call is not None else None
    if goal is None or not reached(database, scenario, goal, answer):
        return None
    return goal.id
