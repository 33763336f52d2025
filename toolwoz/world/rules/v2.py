"""The corrected world, v2: tools tell the truth, and whatever does what the user wants wins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from toolwoz.world.calls import Answer, Call
from toolwoz.world.database import Database
from toolwoz.world.domains import ENTITY_KEY
from toolwoz.world.rules.reference import booking_reference
from toolwoz.world.scenario import Goal, Scenario
from toolwoz.world.values import canonical

_FULL: Final = {
    "day": "nothing is free on {}; try another day",
    "stay": "there is no room for {} nights; try a shorter stay",
    "time": "no table is free at {}; try another time",
}


def search(database: Database, call: Call, *, max_results: int) -> Answer:
    """The matches counted, and the first ``max_results`` listed. No scenario has a say in it."""
    rows = database.mask(call.domain, call.arguments)
    shown = ", ".join(database.shown(call.domain, rows, max_results))
    content = f'{{"count": {rows.bit_count()}, "results": [{shown}]}}'
    return Answer(content, call, ok=bool(rows), rows=rows)


def book(database: Database, scenario: Scenario, call: Call, *, seed: int) -> Answer:
    """A reference for any entity the database has, except with the slots that fail first."""
    key = ENTITY_KEY[call.domain]
    rows = database.mask(call.domain, {key: call.arguments[key]})
    if not rows:
        return _failure(call, f"there is no {call.domain} {call.arguments[key]!r}; search first")
    goal = scenario.goal(call.tool)
    if goal is not None and goal.first_try and _has_slots(call, goal.first_try):
        slot, value = next(iter(goal.first_try.items()))
        return _failure(call, _FULL[slot].format(value))
    reference = booking_reference(scenario.id, call, seed)
    return Answer(f'{{"success": true, "reference": "{reference}"}}', call, ok=True, rows=rows)


def reached(database: Database, scenario: Scenario, goal: Goal, answer: Answer) -> bool:
    """Whether an answered call of the goal's tool reaches the goal.

    A search must find something, and nothing that violates the goal's constraints: calls as
    strict as the goal or stricter win, by whatever arguments; under-specified ones do not. A
    booking must have succeeded with the goal's slots, for the goal's entity or, where it names
    none, for one that satisfies the search goal of its domain.
    """
    call = answer.call
    if call is None or call.tool != goal.tool or not answer.ok:
        return False
    if not goal.is_booking:
        return not answer.rows & ~database.mask(goal.domain, goal.arguments)
    return _has_slots(call, goal.arguments) and bool(
        answer.rows & bookable(database, scenario, goal)
    )


def bookable(database: Database, scenario: Scenario, goal: Goal) -> int:
    """The rows a booking goal accepts."""
    search = scenario.goal(f"search_{goal.domain}")
    constraints = goal.entity or (search.arguments if search else {})
    return database.mask(goal.domain, constraints)


def _has_slots(call: Call, slots: Mapping[str, str]) -> bool:
    return all(
        canonical(slot, call.arguments.get(slot, "")) == canonical(slot, value)
        for slot, value in slots.items()
    )


def _failure(call: Call, reason: str) -> Answer:
    return Answer(json.dumps({"success": False, "reason": reason}, ensure_ascii=False), call)
