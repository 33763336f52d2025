"""Which calls are accepted, and whether the message to a bad one helps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from toolwoz.conversion.conversion import Conversion
from toolwoz.world.calls import CallError
from toolwoz.world.domains import BOOKING_SLOTS, DOMAINS, ENTITY_KEY, SEARCH_SLOTS
from toolwoz.world.rules import RULES
from toolwoz.world.scenario import Mode
from toolwoz.world.toolbox import Toolbox
from toolwoz.world.tools import BOOKINGS, SEARCHES
from toolwoz.world.values import TIME_SLOTS
from toolwoz.world.world import World

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="session")
def world(tiny: Mapping[Mode, Conversion]) -> World:
    return tiny["v2"].world


@pytest.fixture(scope="session")
def toolbox(world: World) -> Toolbox:
    return Toolbox(world.tools, world.database, RULES["v2"])


@pytest.fixture(scope="session")
def parity(tiny: Mapping[Mode, Conversion]) -> Toolbox:
    world = tiny["parity"].world
    return Toolbox(world.tools, world.database, RULES["parity"])


@pytest.mark.parametrize("mode", ["parity", "v2"])
def test_every_schema_is_a_json_schema(world: World, mode: Mode) -> None:
    tools = RULES[mode].tools(world.database)
    for tool in tools:
        Draft202012Validator.check_schema(tool["function"]["parameters"])
        assert tool["function"]["description"]
    assert len(tools) == {"parity": 8, "v2": 7}[mode]


def test_the_texts_of_the_tools_cover_the_slots() -> None:
    for domain in DOMAINS:
        assert SEARCHES[domain].keys() == set(SEARCH_SLOTS[domain])
        booked = {*BOOKING_SLOTS[domain], ENTITY_KEY[domain]} if BOOKING_SLOTS[domain] else set()
        assert BOOKINGS.get(domain, {}).keys() == booked


def test_values_are_spelled_as_the_database_does(toolbox: Toolbox) -> None:
    given = {"area": "Center", "name": "o malleys table", "food": "IRISH", "pricerange": "any"}
    call = toolbox.accept("search_restaurant", json.dumps(given))
    assert call.arguments == {"area": "centre", "name": "o'malley's table", "food": "irish"}


def test_numbers_and_flags_may_be_of_their_own_type(toolbox: Toolbox) -> None:
    stay = {"stay": 3, "day": "Friday", "people": 2.0, "name": "mill house"}
    assert toolbox.accept("book_hotel", stay).arguments == {
        "stay": "3",
        "day": "friday",
        "people": "2",
        "name": "mill house",
    }
    assert toolbox.accept("search_hotel", {"parking": True}).arguments == {"parking": "yes"}
    with pytest.raises(CallError):  # 1 and True are one dictionary key, but not one value
        toolbox.accept("book_hotel", {**stay, "stay": True})
    assert toolbox.accept("book_hotel", {**stay, "stay": 1}).arguments["stay"] == "1"


@pytest.mark.parametrize("nothing", ["", "  ", "{}", None, {}])
def test_no_arguments_at_all(toolbox: Toolbox, nothing: object) -> None:
    assert toolbox.accept("search_train", nothing).arguments == {}


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("find_hotel", "{}", "unknown tool 'find_hotel'; the tools are search_restaurant"),
        (None, "{}", "unknown tool None"),
        ("search_hotel", '{"area": ', "not valid JSON"),
        ("search_hotel", '["north"]', "must be a JSON object, not a list"),
        ("search_hotel", {"prices": "cheap"}, "did you mean pricerange?"),
        ("search_hotel", {"area": "downtown"}, "wanted: one of centre, east, north, south"),
        ("search_hotel", {"area": ["north"]}, "one value is wanted, not a list"),
        ("search_hotel", {"name": "x" * 5000}, "5000 characters is too long"),
        ("search_train", {"leaveAt": "noon"}, "'noon' is not accepted; wanted: earliest departure"),
        ("book_train", {"trainID": "TR0001"}, "book_train needs people; ask the user"),
        ("book_train", {"trainID": "TR0001", "people": "dontcare"}, "book_train needs people"),
        ("book_train", {"trainID": "TR0001", "people": 0}, "'0' is not accepted"),
    ],
)
def test_a_bad_call_is_told_what_to_do(
    toolbox: Toolbox, name: object, arguments: object, says: str
) -> None:
    for _ in range(2):  # a remembered verdict reads the same
        with pytest.raises(CallError) as caught:
            toolbox.accept(name, arguments)
        assert says in str(caught.value)


_IMPOSSIBLE: Mapping[str, tuple[object, ...]] = {
    **dict.fromkeys(
        TIME_SLOTS,
        ("24:00", "27:30", "29:15", "5:60", "99:99", "-1:00", "9:5", "13 am", "25 pm", 12),
    ),
    "people": (0, -2, "-2", "0", 2.5, 100, "many", True, "two thousand"),
    "stay": (0, -1, "0 nights", "-3", 1.5, 100, False),
    "stars": (-1, 6, 3.5, "ten"),
    "day": ("31 february", "someday", 3, "monday tuesday"),
}


def test_no_tool_takes_an_impossible_value(world: World, toolbox: Toolbox) -> None:
    for tool in world.tools:
        name, parameters = tool["function"]["name"], tool["function"]["parameters"]
        for slot in parameters["properties"].keys() & _IMPOSSIBLE.keys():
            for value in _IMPOSSIBLE[slot]:
                with pytest.raises(CallError, match=f"{slot}: .* is not accepted"):
                    toolbox.accept(name, {slot: value})


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("00:00", "00:00"),
        ("23:59", "23:59"),
        ("0:30", "00:30"),
        ("12 am", "00:00"),
        ("17:45 pm", "17:45"),
    ],
)
def test_every_time_of_the_day_is_taken(toolbox: Toolbox, value: str, taken: str) -> None:
    assert toolbox.accept("search_train", {"leaveAt": value}).arguments == {"leaveAt": taken}


@given(data=st.data())
def test_what_is_accepted_satisfies_the_schema(
    world: World, toolbox: Toolbox, data: st.DataObject
) -> None:
    function = data.draw(st.sampled_from([tool["function"] for tool in world.tools]))
    slots = function["parameters"]["properties"]
    words = st.sampled_from(["north", "centre", "3", "09:15", "yes", "monday", "TR0001", "italian"])
    given: dict[str, Any] = data.draw(
        st.dictionaries(st.sampled_from([*slots, "odd"]), words | JSON)
    )
    try:
        call = toolbox.accept(function["name"], given)
    except CallError:
        return  # what the message says is tested above
    Draft202012Validator(function["parameters"]).validate(dict(call.arguments))


def test_parity_takes_any_scalar(parity: Toolbox) -> None:
    given = {"area": "Downtown", "stars": 4, "parking": None}
    assert parity.accept("search_hotel", given).arguments == given
    assert parity.accept("book_attraction", "{}").arguments == {}
    for arguments in ({"area": []}, {"area": {}}, {"colour": "red"}):
        with pytest.raises(CallError):
            parity.accept("search_hotel", arguments)
