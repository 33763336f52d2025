"""Which row a search of the published environment shows, case by case, worked out by hand.

The trains are TR0001 at 07:15, TR0002 at 09:15 and TR0003 at 11:15 on Monday, all from Marlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from tests.toolwoz.world.moves import Played
from toolwoz.conversion.conversion import Conversion
from toolwoz.world.scenario import Goal, Mode

RIDE = {"departure": "marlow", "day": "monday"}


class Case(NamedTuple):
    """What is wanted and booked; what is asked; the train shown; whether the search is won."""

    wanted: dict[str, str]
    booked: str
    asked: dict[str, str]
    shown: str
    won: bool


CASES = {
    "too little asked: the last train that leaves at another minute": Case(
        {**RIDE, "leaveAt": "09:00"}, "", RIDE, "TR0003", False
    ),
    "too little asked, and all that were found leave late enough, but at another minute": Case(
        {**RIDE, "leaveAt": "09:00"}, "", {"day": "monday", "leaveAt": "09:00"}, "TR0003", False
    ),
    "the same with a booking of another train": Case(
        {**RIDE, "leaveAt": "09:00"},
        "TR0002",
        {"day": "monday", "leaveAt": "09:00"},
        "TR0003",
        False,
    ),
    "the same with a booking of that train": Case(
        {**RIDE, "leaveAt": "09:00"},
        "TR0003",
        {"day": "monday", "leaveAt": "09:00"},
        "TR0003",
        True,
    ),
    "all asked: the one that was booked": Case(
        {**RIDE, "leaveAt": "09:00"}, "TR0003", {**RIDE, "leaveAt": "09:00"}, "TR0003", True
    ),
    "all asked, the booked one leaves on the minute, so it is not found: a later one": Case(
        {**RIDE, "leaveAt": "09:15"}, "TR0002", {**RIDE, "leaveAt": "09:15"}, "TR0003", False
    ),
    "all asked without times, the booked one is not there: nothing": Case(
        RIDE, "11:15", RIDE, "", False
    ),
    "too little asked and the booked one not found: what was found, for nothing": Case(
        {**RIDE, "leaveAt": "09:15"},
        "TR0002",
        {"day": "monday", "leaveAt": "09:15"},
        "TR0003",
        False,
    ),
    "more asked than wanted, without a booking: the first that was found": Case(
        RIDE, "", {**RIDE, "leaveAt": "09:00"}, "TR0002", True
    ),
    "something else asked: the first that was found, for nothing": Case(
        {**RIDE, "leaveAt": "09:00"}, "", {"day": "monday", "arriveBy": "11:00"}, "TR0001", False
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_trains(tiny: Mapping[Mode, Conversion], name: str) -> None:
    case = CASES[name]
    goals = [Goal("search_train", "search_train", case.wanted)]
    if case.booked:
        entity = {"trainID": case.booked}
        goals.append(Goal("book_train", "book_train", {"people": "1"}, entity=entity))
    played = Played(tiny["parity"].world, *goals)
    rows = played.content("search_train", **case.asked)
    assert [row["trainID"] for row in rows] == [case.shown] * bool(case.shown)
    assert played.wins("search_train", **case.asked) is case.won


@pytest.mark.parametrize(
    ("asked", "shown", "won"),
    [
        ({"food": "italian"}, "the olive branch", True),
        ({"pricerange": "expensive"}, "Harbour Grill", False),
        ({"food": "italian", "pricerange": "expensive"}, None, False),
    ],
)
def test_the_booked_entity_may_itself_violate_the_goal(
    tiny: Mapping[Mode, Conversion], asked: dict[str, str], shown: str | None, won: bool
) -> None:
    """As in some of MultiWOZ: then it is among the wrong rows, and wins where it is the last."""
    wanted = {"food": "italian", "pricerange": "expensive"}
    entity = {"name": "the olive branch"}  # it is cheap
    goals = (
        Goal("search_restaurant", "search_restaurant", wanted),
        Goal("book_restaurant", "book_restaurant", {"people": "3"}, entity=entity),
    )
    played = Played(tiny["parity"].world, *goals)
    rows: list[dict[str, Any]] = played.content("search_restaurant", **asked)
    assert [row["name"] for row in rows] == ([shown] if shown else [])
    assert played.wins("search_restaurant", **asked) is won
