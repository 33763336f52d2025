"""The rules of the two modes: ``v2``, the default, and ``parity`` with the published environment.

``convert`` derives each mode's goals: see :mod:`toolwoz.conversion.goals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from toolwoz.world.calls import Answer
from toolwoz.world.database import Database
from toolwoz.world.rules import parity, v2
from toolwoz.world.rules.interface import Limits, Rules
from toolwoz.world.scenario import Mode, Scenario

__all__ = ["RULES", "Limits", "Rules", "earned"]

RULES: Final[Mapping[Mode, Rules]] = {"parity": parity, "v2": v2}


def earned(database: Database, scenario: Scenario, answer: Answer) -> str | None:
    """The id of the goal this answered call reaches, or None.

    Both modes judge each call on its own, so a dialogue's reward is the union over its calls.
    """
    goal = scenario.goal(answer.call.tool) if answer.call is not None else None
    if goal is None or not RULES[scenario.mode].reached(database, scenario, goal, answer):
        return None
    return goal.id
