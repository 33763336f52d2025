"""When a goal is reached, rule by rule, in both modes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toolwoz.world.moves import Played
from toolwoz.conversion.conversion import Conversion
from toolwoz.world.rules import earned
from toolwoz.world.rules.parity import covers
from toolwoz.world.scenario import Goal, Mode
from toolwoz.world.world import World

ITALIAN = {"food": "italian", "area": "centre"}
TABLE = {"time": "11:45", "day": "monday", "people": "3"}


def search(arguments: Mapping[str, str], domain: str = "restaurant") -> Goal:
    return Goal(f"search_{domain}", f"search_{domain}", arguments)


def book(
    arguments: Mapping[str, str], domain: str = "restaurant", **fields: Mapping[str, str]
) -> Goal:
    return Goal(f"book_{domain}", f"book_{domain}", arguments, **fields)


@pytest.fixture(scope="session")
def v2(tiny: Mapping[Mode, Conversion]) -> World:
    return tiny["v2"].world


@pytest.fixture(scope="session")
def parity(tiny: Mapping[Mode, Conversion]) -> World:
    return tiny["parity"].world


# v2: a search


def test_v2_search_with_the_constraints_or_stricter_wins(v2: World) -> None:
    played = Played(v2, search(ITALIAN))
    assert played.wins("search_restaurant", **ITALIAN)
    assert played.wins("search_restaurant", **ITALIAN, pricerange="cheap")
    assert played.wins("search_restaurant", name="Casa Lupo")
    assert played.wins("search_restaurant", food="italian")  # every italian one is in the centre


def test_v2_search_that_could_find_something_else_does_not(v2: World) -> None:
    played = Played(v2, search(ITALIAN | {"pricerange": "cheap"}))
    assert not played.wins("search_restaurant", **ITALIAN)
    assert not played.wins("search_restaurant")
    assert not played.wins("search_restaurant", **ITALIAN, pricerange="moderate")  # finds nothing
    assert not played.wins("search_restaurant", name="golden bowl")
    assert not played.wins("search_hotel", area="centre")


def test_v2_search_answers_the_truth(v2: World) -> None:
    played = Played(replace(v2, max_results=1), search(ITALIAN))
    found = played.content("search_restaurant", **ITALIAN)
    assert found["count"] == 2
    assert [row["name"] for row in found["results"]] == ["the olive branch"]
    assert played.content("search_restaurant", food="martian") == {"count": 0, "results": []}
    assert played.content("search_attraction", type="museum")["count"] == 2  # outside the goal too


def test_v2_train_times_are_bounds(v2: World) -> None:
    ride = {"departure": "marlow", "destination": "westbay", "day": "monday"}
    played = Played(v2, search(ride | {"leaveAt": "09:15"}, "train"))
    assert played.wins("search_train", **ride, leaveAt="9:15")
    assert played.wins("search_train", **ride, leaveAt="10:00")
    assert not played.wins("search_train", **ride, leaveAt="07:00")
    assert not played.wins("search_train", **ride, arriveBy="12:00")


# v2: a booking


def test_v2_booking_of_any_entity_that_satisfies_the_search(v2: World) -> None:
    played = Played(v2, search(ITALIAN), book(TABLE))
    assert played.wins("book_restaurant", **TABLE, name="the olive branch")
    assert played.wins("book_restaurant", **TABLE | {"people": 3}, name="CASA LUPO")
    assert not played.wins("book_restaurant", **TABLE | {"people": "4"}, name="casa lupo")


def test_v2_booking_of_another_entity_succeeds_but_earns_nothing(v2: World) -> None:
    played = Played(v2, search(ITALIAN), book(TABLE))
    assert played.content("book_restaurant", **TABLE, name="golden bowl")["success"]
    assert not played.wins("book_restaurant", **TABLE, name="golden bowl")
    stay = {"stay": 1, "day": "monday", "people": 2, "name": "the crown"}
    assert played.content("book_hotel", **stay)["success"]


def test_v2_booking_of_what_is_not_there_fails(v2: World) -> None:
    answer = Played(v2, book(TABLE)).content("book_restaurant", **TABLE, name="nowhere")
    assert answer == {"success": False, "reason": "there is no restaurant 'nowhere'; search first"}


def test_v2_booking_of_the_goals_own_entity(v2: World) -> None:
    played = Played(v2, book(TABLE, entity={"name": "casa lupo"}))
    assert played.wins("book_restaurant", **TABLE, name="casa lupo")
    assert not played.wins("book_restaurant", **TABLE, name="the olive branch")


def test_v2_booking_that_fails_first(v2: World) -> None:
    played = Played(v2, search(ITALIAN), book(TABLE, first_try={"time": "12:30"}))
    for _ in range(2):
        failed = played.content("book_restaurant", **TABLE | {"time": "12:30"}, name="casa lupo")
        assert failed == {"success": False, "reason": "no table is free at 12:30; try another time"}
    assert played.wins("book_restaurant", **TABLE, name="casa lupo")


def test_v2_train_ids_that_several_trains_share(v2: World) -> None:
    monday = {"day": "monday", "leaveAt": "09:15", "arriveBy": "10:00"}
    played = Played(v2, search(monday, "train"), book({"people": "1"}, "train"))
    assert played.wins("book_train", trainID="tr0002", people="1")
    assert not played.wins("book_train", trainID="TR0001", people="1")


def test_references_depend_on_the_call_and_the_seed_alone(v2: World) -> None:
    played = Played(v2, book(TABLE))
    one = played.content("book_restaurant", **TABLE, name="casa lupo")["reference"]
    assert one == played.content("book_restaurant", name="Casa Lupo", **TABLE)["reference"]
    other = v2.answer(played.scenario, "book_restaurant", TABLE | {"name": "casa lupo"}, seed=1)
    assert one != json.loads(other.content)["reference"]


@given(data=st.data())
def test_v2_stricter_searches_win_wherever_they_find_something(
    synthetic: Mapping[Mode, Conversion], data: st.DataObject
) -> None:
    conversion = synthetic["v2"]
    one = data.draw(st.sampled_from(conversion.scenarios))
    goal = data.draw(st.sampled_from([g for g in one.goals if not g.is_booking]))
    tool = next(t for t in conversion.world.tools if t["function"]["name"] == goal.tool)
    slots = sorted(tool["function"]["parameters"]["properties"].keys() - goal.arguments.keys())
    database = conversion.world.database
    extra = {s: data.draw(st.sampled_from(database.values(goal.domain, s))) for s in slots[:1]}
    stricter = {**goal.arguments, **extra}
    answer = conversion.world.answer(one, goal.tool, stricter, seed=0)
    wins = earned(database, one, answer) == goal.id
    assert wins == bool(database.search(goal.domain, stricter))


# parity


@pytest.mark.parametrize(
    ("wanted", "given", "expected"),
    [
        ({}, {}, True),
        ({"area": "dontcare"}, {}, True),
        ({"name": "King's College"}, {"name": "kings college", "area": "west"}, True),
        ({"people": "3"}, {"people": 3}, False),
        ({"time": "5:45"}, {"time": "05:45"}, False),
        ({"area": "centre"}, {"area": "center"}, False),
        ({"area": "centre"}, {}, False),
    ],
)
def test_parity_covers(wanted: dict[str, Any], given: dict[str, Any], expected: bool) -> None:
    assert covers(wanted, given) is expected


def test_parity_shows_the_booked_entity_for_the_full_query(parity: World) -> None:
    booking = book(TABLE, entity={"name": "casa lupo"})
    played = Played(parity, search(ITALIAN), booking)
    (row,) = played.content("search_restaurant", **ITALIAN)
    assert row["name"] == "casa lupo"
    assert played.wins("search_restaurant", **ITALIAN)
    assert played.content("search_restaurant", **ITALIAN, pricerange="cheap") == []


def test_parity_shows_a_wrong_row_for_an_underspecified_query(parity: World) -> None:
    goal = search({"food": "italian", "pricerange": "expensive"})
    played = Played(parity, goal)
    (row,) = played.content("search_restaurant", pricerange="expensive")
    assert row["name"] == "Harbour Grill"
    assert not played.wins("search_restaurant", pricerange="expensive")
    assert played.wins("search_restaurant", food="italian", pricerange="expensive")


def test_parity_underspecified_query_that_finds_only_right_rows_wins(parity: World) -> None:
    assert Played(parity, search(ITALIAN)).wins("search_restaurant", food="italian")


def test_parity_outside_the_goal_shows_the_first_row(parity: World) -> None:
    played = Played(parity, search(ITALIAN))
    assert [row["name"] for row in played.content("search_attraction", type="museum")] == [
        "clock museum"
    ]
    assert played.content("search_attraction", type="casino") == []


def test_parity_never_finds_an_apostrophe_or_a_capital(parity: World) -> None:
    played = Played(parity, search({"name": "o'malley's table"}))
    assert played.content("search_restaurant", name="o'malley's table") == []
    assert played.content("search_restaurant", name="Harbour Grill") == []


def test_parity_times_are_strict_and_text(parity: World) -> None:
    played = Played(parity, search(ITALIAN))
    ride = {"departure": "marlow", "day": "monday"}
    assert played.content("search_train", **ride, leaveAt="09:15")[0]["trainID"] == "TR0003"
    assert played.content("search_train", **ride, leaveAt="9:00") == []  # "9:00" > "11:15"
    assert played.content("search_train", **ride, arriveBy="08:00") == []


def test_parity_ignores_what_is_no_text_in_a_search(parity: World) -> None:
    played = Played(parity, search(ITALIAN))
    assert played.content("search_hotel", stars=4) == played.content("search_hotel")
    assert "error" in played.content("search_hotel", stars=["4"])


def test_parity_booking_must_cover_slots_and_entity(parity: World) -> None:
    played = Played(parity, book(TABLE, entity={"name": "casa lupo"}))
    assert played.wins("book_restaurant", **TABLE, name="Casa Lupo")
    assert played.content("book_restaurant", **TABLE | {"people": 3}, name="casa lupo") == {
        "success": False
    }
    assert not played.wins("book_restaurant", **TABLE, name="the olive branch")
    assert played.content("book_attraction") == {"success": False}


def test_parity_booking_of_nothing_in_particular(parity: World) -> None:
    played = Played(parity, search(ITALIAN), book(TABLE))
    assert played.wins("book_restaurant", **TABLE, name="anything")
    assert not played.wins("search_restaurant", **ITALIAN)  # no row is the booked entity
