"""The rules of mode v2: tools tell the truth, and every call that does what the user wants wins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dialogue.protocols import Tool
from toolwoz.world.calls import Answer, Call, CallError
from toolwoz.world.database import Database
from toolwoz.world.domains import ENTITY_KEY, WEEKDAYS
from toolwoz.world.rules.interface import Limits, Spell
from toolwoz.world.rules.reference import booking_reference
from toolwoz.world.scenario import Goal, Scenario
from toolwoz.world.tools import BOOKINGS, PURPOSES, SEARCHES, function
from toolwoz.world.values import NUMBER_SLOTS, TIME_SLOTS, canonical

LIMITS: Final = Limits(messages=60, model_calls=6, parallel_calls=4)
"""The longest human dialogue of MultiWOZ has 44 utterances, 99.9 % have at most 30: 60 cuts off
only agents that make no progress."""
_CLOCK: Final = r"^[0-2]\d:[0-5]\d$"
_COUNT: Final = r"^[1-9]\d?$"
# Slots with few values, all in the data. Food is not one: users ask for kinds the city lacks.
_LISTED: Final = frozenset(
    {"pricerange", "area", "parking", "internet", "type", "departure", "destination"}
)
_SEARCH_RESULT: Final = (
    " Answers the number of matches and the first of them; every argument is optional."
)
_FULL: Final = {
    "day": "nothing is free on {}; try another day",
    "stay": "there is no room for {} nights; try a shorter stay",
    "time": "no table is free at {}; try another time",
}
_NOT_SO: Final = "nothing is free for {}; try another value"


def tools(database: Database) -> list[Tool]:
    """Values are enumerated or patterned from the data, and bookings require their slots."""
    found = []
    for domain, slots in SEARCHES.items():
        search, book = PURPOSES[domain]
        properties = _properties(database, domain, slots)
        found.append(function(f"search_{domain}", search + _SEARCH_RESULT, properties))
        if domain in BOOKINGS:
            properties = _properties(database, domain, BOOKINGS[domain])
            found.append(function(f"book_{domain}", book, properties, required=list(properties)))
    return found


def _properties(database: Database, domain: str, slots: Mapping[str, str]) -> dict[str, Any]:
    return {
        slot: {"type": "string", "description": description, **_values(database, domain, slot)}
        for slot, description in slots.items()
    }


def _values(database: Database, domain: str, slot: str) -> dict[str, Any]:
    if slot == "day":
        return {"enum": list(WEEKDAYS)}
    if slot == "stars":  # users ask for stars the city lacks
        return {"enum": list("012345")}
    if slot in _LISTED:
        return {"enum": list(database.values(domain, slot))}
    if slot in TIME_SLOTS:
        return {"pattern": _CLOCK}
    return {"pattern": _COUNT} if slot in NUMBER_SLOTS else {}


def accept(
    tool: str, given: Mapping[str, Any], required: Sequence[str], spell: Spell
) -> Mapping[str, str]:
    """The constraints in the database's spelling; values that are no constraint are left out."""
    accepted = {slot: spelled for slot, value in given.items() if (spelled := spell(slot, value))}
    missing = [slot for slot in required if slot not in accepted]
    if missing:
        raise CallError(f"{tool} needs {', '.join(missing)}; ask the user, then call it again")
    return accepted


def shared_answer(database: Database, call: Call, max_results: int) -> Answer | None:
    """A search counts all matches and lists the first ``max_results``, whatever the scenario."""
    if call.is_booking:
        return None
    rows = database.mask(call.domain, call.arguments)
    shown = ", ".join(database.shown(call.domain, rows, max_results))
    content = f'{{"count": {rows.bit_count()}, "results": [{shown}]}}'
    return Answer(content, call, ok=bool(rows), rows=rows)


def answer(database: Database, scenario: Scenario, call: Call, *, seed: int) -> Answer:
    """A booking of any entity succeeds, except with the slots that must fail first."""
    key = ENTITY_KEY[call.domain]
    rows = database.mask(call.domain, {key: call.arguments[key]})
    if not rows:
        return _failure(call, f"there is no {call.domain} {call.arguments[key]!r}; search first")
    goal = scenario.goal(call.tool)
    if goal is not None and goal.first_try and _has_slots(call, goal.first_try):
        slot, value = next(iter(goal.first_try.items()))
        return _failure(call, _FULL.get(slot, _NOT_SO).format(value))
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
