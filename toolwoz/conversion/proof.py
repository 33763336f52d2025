"""Proof that a scenario can be won: its own goal calls are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from toolwoz.world.calls import Answer
from toolwoz.world.domains import ENTITY_KEY
from toolwoz.world.index import positions
from toolwoz.world.rules import earned
from toolwoz.world.scenario import Goal, Scenario
from toolwoz.world.world import World


class Proof(NamedTuple):
    """The outcome of the goal calls.

    Attributes:
        earned: Ids of the goals reached.
        succeeded_first: Ids of the goals whose first try should be a valid call that fails, and is
            not.
    """

    earned: frozenset[str]
    succeeded_first: frozenset[str]


def prove(world: World, scenario: Scenario) -> Proof:
    """Make exactly the goal calls, in order, each after its first try if it has one.

    A booking without an entity of its own takes the first result of its domain's search.
    """
    reached: set[str] = set()
    succeeded_first: set[str] = set()
    found: dict[str, Mapping[str, str]] = {}
    for goal in scenario.goals:
        entity = (goal.entity or found.get(goal.domain, {})) if goal.is_booking else {}
        if goal.first_try:
            slots = goal.arguments if goal.is_booking else {}
            first = {**slots, **goal.first_try, **entity}
            tried = world.answer(scenario, goal.tool, first, seed=0)
            if tried.ok or tried.refused:
                succeeded_first.add(goal.id)
        answer = world.answer(scenario, goal.tool, {**goal.arguments, **entity}, seed=0)
        if not goal.is_booking:
            found[goal.domain] = _first_entity(world, goal, answer)
        if earned(world.database, scenario, answer) == goal.id:
            reached.add(goal.id)
    return Proof(frozenset(reached), frozenset(succeeded_first))


def _first_entity(world: World, goal: Goal, answer: Answer) -> Mapping[str, str]:
    key = ENTITY_KEY[goal.domain]
    first = next(positions(answer.rows), None)
    return {} if first is None else {key: world.database.rows[goal.domain][first][key]}
