"""The published environment as its description reads, one row and one value at a time.

Written apart from ``toolwoz/world/rules/parity.py``, with loops for its bit masks, so that the
two can differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolwoz.world.domains import ENTITY_KEY, Row
from toolwoz.world.scenario import Scenario
from toolwoz.world.tools import BOOKINGS, SEARCHES

NOTHING = ("", "dont care", "don't care", "dontcare", "do n't care", "not mentioned")
Rows = Mapping[str, tuple[Row, ...]]
Arguments = Mapping[str, Any]


def plain(value: Any) -> Any:
    return value.lower().replace("'", "") if isinstance(value, str) else value


def covers(wanted: Arguments, given: Arguments) -> bool:
    return all(
        plain(value) in NOTHING or (slot in given and plain(given[slot]) == plain(value))
        for slot, value in wanted.items()
    )


def finds(row: Row, arguments: Arguments) -> bool:
    """Equal as text, and times strictly later or earlier."""
    for slot, value in arguments.items():
        value = plain(value)
        if value in NOTHING or not isinstance(value, str):
            continue
        have = str(row.get(slot))
        if slot == "leaveAt":
            right = have > value
        elif slot == "arriveBy":
            right = have < value
        else:
            right = have == value
        if not right:
            return False
    return True


def is_booked(row: Row, scenario: Scenario, domain: str) -> bool:
    booking, key = scenario.goal(f"book_{domain}"), ENTITY_KEY[domain]
    if booking is None or key not in booking.entity:
        return False
    return bool(plain(row[key]) == plain(booking.entity[key]))


def is_refused(tool: str, given: Arguments) -> bool:
    """An unknown parameter, or a list or an object as a value."""
    kind, _, domain = tool.partition("_")
    slots = (SEARCHES if kind == "search" else BOOKINGS).get(domain, {})
    return any(s not in slots or isinstance(value, list | dict) for s, value in given.items())


def shown(rows: Rows, scenario: Scenario, domain: str, given: Arguments) -> Row | None:
    """The one row that a search shows; None for an empty list."""
    found = [row for row in rows[domain] if finds(row, given)]
    goal = scenario.goal(f"search_{domain}")
    if not found or goal is None:
        return next(iter(found), None)
    wrong = [row for row in found if not covers(goal.arguments, row)]
    booked = [row for row in found if is_booked(row, scenario, domain)]
    if scenario.goal(f"book_{domain}") and covers(goal.arguments, given):
        return [None, *wrong, *booked][-1]
    if covers(given, goal.arguments):
        return [found[0], *booked, *wrong][-1]
    return found[0]


def search_wins(scenario: Scenario, domain: str, given: Arguments, row: Row | None) -> bool:
    goal = scenario.goal(f"search_{domain}")
    if goal is None or row is None:
        return False
    booked = not scenario.goal(f"book_{domain}") or is_booked(row, scenario, domain)
    if covers(goal.arguments, given):
        return booked
    if not covers(given, goal.arguments):
        return False
    return booked if scenario.goal(f"book_{domain}") else covers(goal.arguments, row)


def booking_wins(scenario: Scenario, domain: str, given: Arguments) -> bool:
    """Whether the goal is reached, also by a call that is refused."""
    goal = scenario.goal(f"book_{domain}")
    return goal is not None and covers({**goal.arguments, **goal.entity}, given)
