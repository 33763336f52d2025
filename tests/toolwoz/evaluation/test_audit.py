"""Whose fault a missed goal is, on dialogues written for each kind of failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogue.protocols import Message
from toolwoz.evaluation.audit import Failure, audit
from toolwoz.evaluation.mentions import mentions
from toolwoz.world.scenario import Goal, Scenario

SEARCH = Goal("search_hotel", "search_hotel", {"area": "north", "stars": "4"})
BOOK = Goal("book_hotel", "book_hotel", {"people": "2", "day": "monday", "stay": "3"})
SCENARIO = Scenario("X1", "test", "v2", (), (SEARCH, BOOK))
FULL = "a hotel in the north with 4 stars"
ROW = json.dumps({"count": 1, "results": [{"name": "tarvell house", "area": "north"}]})


def user(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def agent(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def call(name: str, arguments: object, answer: str = ROW) -> list[Message]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function: dict[str, Any] = {"name": name, "arguments": text}
    return [
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "function": function}]},
        {"role": "tool", "tool_call_id": "c", "name": name, "content": answer},
    ]


FOUND = [
    *user(FULL),
    *call("search_hotel", SEARCH.arguments),
    *agent("How about tarvell house?"),
]
BYE = [*user("thanks, goodbye"), *agent("bye")]


@pytest.mark.parametrize(
    ("messages", "earned", "failures"),
    [
        pytest.param(
            [*user(FULL), *call("search_hotel", {"area": "south"}), *agent("hm"), *BYE],
            (),
            {"search_hotel": Failure.WRONG_ARGUMENT, "book_hotel": Failure.MISSING_CALL},
            id="wrong argument",
        ),
        pytest.param(
            [*user(FULL), *call("search_restaurant", {"area": "north"}), *agent("hm"), *BYE],
            (),
            {"search_hotel": Failure.WRONG_TOOL, "book_hotel": Failure.WRONG_TOOL},
            id="wrong tool",
        ),
        pytest.param(
            [*user(FULL), *agent("I found one."), *BYE],
            (),
            {"search_hotel": Failure.MISSING_CALL, "book_hotel": Failure.MISSING_CALL},
            id="missing call",
        ),
        pytest.param(
            [
                *user(FULL),
                *call("search_hotel", '{"area": "no', '{"error": ""}'),
                *agent("?"),
                *BYE,
            ],
            (),
            {"search_hotel": Failure.FORMAT_ERROR, "book_hotel": Failure.MISSING_CALL},
            id="format error",
        ),
        pytest.param(
            [*user(FULL), *agent('<tool_call>{"name": "search_hotel"'), *BYE],
            (),
            {"search_hotel": Failure.FORMAT_ERROR, "book_hotel": Failure.FORMAT_ERROR},
            id="call left in the text",
        ),
        pytest.param(
            [*FOUND, *BYE],
            ("search_hotel",),
            {"book_hotel": Failure.USER_FAULT},
            id="the user forgot to book",
        ),
        pytest.param(
            [
                *FOUND,
                *user("book it for 2 people for 5 nights on monday"),
                *call("book_hotel", {"people": "2", "day": "monday", "stay": "5"}),
                *agent("done"),
                *BYE,
            ],
            ("search_hotel",),
            {"book_hotel": Failure.USER_FAULT},
            id="the user said another value",
        ),
        pytest.param(
            [
                *FOUND,
                *user("book it for 2 people for 5 nights on monday"),
                *call("book_hotel", {"people": "8", "day": "monday", "stay": "5"}),
                *agent("done"),
                *BYE,
            ],
            ("search_hotel",),
            {"book_hotel": Failure.WRONG_ARGUMENT},
            id="the user said another value, but the agent also erred",
        ),
        pytest.param(
            [*FOUND, *user("hm"), *call("search_hotel", {})],
            ("search_hotel",),
            {"book_hotel": Failure.MISSING_CALL},
            id="cut off by the limit of calls: no fault of the user's",
        ),
    ],
)
def test_failures(
    messages: list[Message], earned: tuple[str, ...], failures: dict[str, Failure]
) -> None:
    assert audit(SCENARIO, messages, earned).missed == failures


def test_a_user_cut_off_by_the_limit_of_messages_is_not_at_fault() -> None:
    messages = [*FOUND, *BYE]
    assert audit(SCENARIO, messages, ["search_hotel"]).verdict == Failure.USER_FAULT
    cut_off = audit(SCENARIO, messages, ["search_hotel"], max_messages=4)
    assert cut_off.verdict == Failure.MISSING_CALL
    assert cut_off.unsaid == {"book_hotel": ("people", "day", "stay")}


def test_an_engines_error_is_nobodys_fault() -> None:
    found = audit(SCENARIO, FOUND, (), "ConnectionError: refused")
    assert set(found.missed.values()) == {Failure.ENGINE_ERROR}
    assert found.verdict == Failure.ENGINE_ERROR


def test_a_dialogue_that_was_won_has_no_verdict() -> None:
    assert audit(SCENARIO, FOUND, ["search_hotel", "book_hotel"]).verdict is None


def test_the_gravest_failure_is_the_verdict() -> None:
    mixed = audit(
        SCENARIO, [*user(FULL), *call("search_hotel", {"area": "south"}), *agent("hm"), *BYE], ()
    )
    assert mixed.verdict == Failure.WRONG_ARGUMENT


@pytest.mark.parametrize(
    ("slot", "value", "text"),
    [
        ("area", "centre", "somewhere in the city center"),
        ("pricerange", "moderate", "mid-range please"),
        ("people", "4", "there are four of us"),
        ("people", "1", "just me"),
        ("people", "6", "for the same group of people"),
        ("stay", "3", "three nights"),
        ("day", "monday", "on the same day"),
        ("time", "18:45", "at 6:45 pm"),
        ("leaveAt", "09:00", "after 9 am"),
        ("stars", "4", "a 4-star place"),
        ("internet", "yes", "with wi-fi"),
        ("parking", "no", "I don't need any parking"),
        ("type", "guesthouse", "a bed and breakfast"),
        ("name", "the king's head", "I want the Kings Head"),
        ("food", "modern european", "Modern European food"),
    ],
)
def test_ways_to_say_a_value(slot: str, value: str, text: str) -> None:
    assert mentions(slot, value, text)


@pytest.mark.parametrize(
    ("slot", "value", "text"),
    [
        ("area", "north", "in the south"),
        ("people", "4", "at 14:45"),
        ("people", "2", "for 12 people"),
        ("time", "18:45", "at 6:45"),
        ("parking", "no", "with parking"),
        ("internet", "yes", "with parking"),
        ("pricerange", "cheap", "expensive"),
        ("day", "monday", "on tuesday"),
    ],
)
def test_what_does_not_say_a_value(slot: str, value: str, text: str) -> None:
    assert not mentions(slot, value, text)


@given(
    st.lists(
        st.sampled_from([*FOUND, *BYE, *call("book_hotel", "{}"), *call("", "[]", "x")]), min_size=1
    ),
    st.sets(st.sampled_from(["search_hotel", "book_hotel"])),
)
def test_every_missed_goal_gets_one_reason(messages: list[Message], earned: set[str]) -> None:
    found = audit(SCENARIO, messages, earned)
    assert found.missed.keys() == {"search_hotel", "book_hotel"} - earned
    assert found.unsaid.keys() <= found.missed.keys()
