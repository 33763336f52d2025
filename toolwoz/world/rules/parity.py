"""The rules of mode parity: the published environment, bug for bug.

The behaviour is that of the ToolWOZ release of arXiv 2409.04617: searches show one row chosen with
the goal in view, values are compared as text, times strictly.

There are two comparisons. A search *finds* the rows with the given values, its times strict bounds.
A goal is *covered* by a call, or satisfied by a row, that has its very values: a train that leaves
later than a goal's leaveAt does not satisfy it. Scores read the arguments of a call, also of a
refused one; a search must have found something besides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dialogue.protocols import Tool
from toolwoz.world.calls import Answer, Call, check_scalar
from toolwoz.world.database import Database
from toolwoz.world.index import RowMask
from toolwoz.world.rules.interface import Limits, Spell
from toolwoz.world.rules.reference import booking_reference
from toolwoz.world.scenario import Goal, Scenario
from toolwoz.world.tools import BOOKINGS, PURPOSES, SEARCHES, function
from toolwoz.world.values import MULTIWOZ_EMPTY, plain

LIMITS: Final = Limits(messages=15, model_calls=3, parallel_calls=8)
"""15 messages and 3 model calls are the published limits."""


def tools(_database: Database) -> list[Tool]:
    """The published eight, ``book_attraction`` without parameters; all parameters are optional."""
    found = []
    for domain, slots in SEARCHES.items():
        search, book = PURPOSES[domain]
        found.append(function(f"search_{domain}", search, _strings(slots)))
        found.append(function(f"book_{domain}", book, _strings(BOOKINGS.get(domain, {}))))
    return found


def _strings(slots: Mapping[str, str]) -> dict[str, Any]:
    return {slot: {"type": "string", "description": text} for slot, text in slots.items()}


def accept(
    _tool: str, given: Mapping[str, Any], _required: Sequence[str], _spell: Spell
) -> Mapping[str, Any]:
    """The arguments as the model wrote them, if each is one value."""
    for slot, value in given.items():
        check_scalar(slot, value)
    return given


def shared_answer(_database: Database, _call: Call, _max_results: int) -> None:
    """None: the scenario shapes every answer."""


def answer(database: Database, scenario: Scenario, call: Call, *, seed: int) -> Answer:
    """The published answer to an accepted call."""
    if call.is_booking:
        return _book(scenario, call, seed=seed)
    return _search(database, scenario, call)


def reached(database: Database, scenario: Scenario, goal: Goal, answer: Answer) -> bool:
    """Whether a call of the goal's tool reaches the goal.

    A booking must cover the goal's slots and entity, and may be refused. A search must find
    something and either cover the goal's constraints or be covered by them, then with an answer
    that satisfies them; where the goal also books, the answer must be the booked entity.
    """
    call = answer.call
    if call is None or call.tool != goal.tool:
        return False
    if goal.is_booking:
        return covers(_wanted(goal), call.arguments)
    if not answer.ok:
        return False
    booking = scenario.goal(f"book_{goal.domain}")
    shown_is_booked = booking is None or bool(answer.rows & _entity_rows(database, booking))
    wanted, given = _said(goal.arguments), _said(call.arguments)
    if wanted.items() <= given.items():
        return shown_is_booked
    if not given.items() <= wanted.items():
        return False
    if booking is not None:
        return shown_is_booked
    return bool(answer.rows & database.equal_mask(goal.domain, wanted))


def covers(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Every non-empty item of ``wanted`` is in ``given``, apart from case and apostrophes."""
    return _said(wanted).items() <= _said(given).items()


def _said(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The non-empty items, without case and apostrophes."""
    return {
        slot: plain(value) if isinstance(value, str) else value
        for slot, value in arguments.items()
        if not isinstance(value, str) or plain(value) not in MULTIWOZ_EMPTY
    }


def _book(scenario: Scenario, call: Call, *, seed: int) -> Answer:
    goal = scenario.goal(call.tool)
    if goal is None or not covers(_wanted(goal), call.arguments):
        return Answer('{"success": false}', call)
    reference = booking_reference(scenario.id, call, seed)
    return Answer(json.dumps({"success": True, "reference": reference}), call, ok=True)


def _search(database: Database, scenario: Scenario, call: Call) -> Answer:
    given = _said(call.arguments)
    shown = _choice(database, scenario, call, given)
    row = database.texts[call.domain][shown.bit_length() - 1] if shown else ""
    return Answer(f"[{row}]", call, ok=bool(shown), rows=shown)


def _choice(
    database: Database,
    scenario: Scenario,
    call: Call,
    given: Mapping[str, Any],
) -> RowMask:
    """The row shown of those found, or none; the scenario's goal selects it.

    Only what the search found is shown, the booked entity too. It may itself violate the goal, as
    corpora do: then it is one of the wrong rows.
    """
    rows = _found(database, call.domain, given)
    goal = scenario.goal(call.tool)
    if goal is None:
        return _first(rows)
    wanted = _said(goal.arguments)
    wrong = rows & ~database.equal_mask(goal.domain, wanted)
    booking = scenario.goal(f"book_{goal.domain}")
    booked = rows & _entity_rows(database, booking) if booking else 0
    if booking and wanted.items() <= given.items():
        return _last(booked or wrong)
    if given.items() <= wanted.items():
        return _last(wrong or booked) or _first(rows)
    return _first(rows)


def _found(database: Database, domain: str, said: Mapping[str, Any]) -> RowMask:
    # The release also doubles apostrophes, but none is left by then. A row with an apostrophe or a
    # capital letter in its name is therefore never found.
    constraints = {slot: value for slot, value in said.items() if isinstance(value, str)}
    return database.exact_mask(domain, constraints)


def _entity_rows(database: Database, booking: Goal) -> RowMask:
    """The rows of the booked entity; none where the corpus booked without naming one."""
    return database.equal_mask(booking.domain, booking.entity) if booking.entity else 0


def _wanted(goal: Goal) -> Mapping[str, str]:
    return {**goal.arguments, **goal.entity}


def _first(rows: RowMask) -> RowMask:
    return rows & -rows


def _last(rows: RowMask) -> RowMask:
    return 1 << rows.bit_length() - 1 if rows else 0
