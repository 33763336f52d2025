"""The expert reads back what the agenda user meant, for every act and any wording."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwoz.agents.understanding import Reader
from toolwoz.conversion.conversion import Conversion
from toolwoz.users.acts import Act, Intent
from toolwoz.users.phrases import say
from toolwoz.world.domains import BOOKING_SLOTS, SEARCH_SLOTS
from toolwoz.world.scenario import Mode


@pytest.fixture(scope="module")
def reader(synthetic: Mapping[Mode, Conversion]) -> Reader:
    return Reader(synthetic["v2"].world.database)


@given(st.data(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_what_is_said_is_understood(
    synthetic: Mapping[Mode, Conversion], reader: Reader, data: st.DataObject, rng: Random
) -> None:
    scenario = data.draw(st.sampled_from(synthetic["v2"].scenarios))
    goal = data.draw(st.sampled_from(scenario.goals))
    wanted = {**goal.arguments, **goal.first_try}
    slots = data.draw(st.sets(st.sampled_from(sorted(wanted)), min_size=1))
    opening = Act(Intent.OPEN, goal.domain, {})
    intent = (
        Intent.BOOK
        if goal.is_booking
        else data.draw(
            st.sampled_from(
                [Intent.ADD, Intent.ANSWER, Intent.INSTEAD, Intent.REPEAT, Intent.CORRECT]
            )
        )
    )
    act = Act(intent, goal.domain, {slot: wanted[slot] for slot in slots})
    understood = reader.read([say(opening, rng), say(act, rng)])
    assert understood.domain == goal.domain
    assert set(understood.new) == slots
    part = understood.topic.booking if goal.is_booking else understood.topic.constraints
    assert part == act.slots
    assert understood.topic.books == goal.is_booking


@given(st.data(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_questions_for_facts_are_understood(
    reader: Reader, data: st.DataObject, rng: Random
) -> None:
    domain = data.draw(st.sampled_from(["restaurant", "hotel", "attraction", "train"]))
    facts = data.draw(
        st.lists(
            st.sampled_from(["address", "phone", "postcode", "price", "pricerange", "duration",
                             "trainID", "stars", "internet", "parking", "entrance fee", "food"]),
            min_size=1, max_size=3, unique=True,
        )
    )  # fmt: skip
    text = say(Act(Intent.ASK, domain, facts=tuple(facts)), rng)
    understood = reader.read([say(Act(Intent.OPEN, domain, {}), rng), text])
    assert set(understood.facts) == set(facts)
    assert not understood.new


def test_the_last_value_counts_and_the_domains_are_kept_apart(reader: Reader) -> None:
    understood = reader.read(
        [
            "I need a restaurant in the north serving thai food.",
            "How about one in the south instead?",
            "Thanks. I need a place to stay with 4 stars in the east.",
            "Please book it for 2 people on monday for 3 nights.",
        ]
    )
    assert understood.topics["restaurant"].constraints == {"area": "south", "food": "thai"}
    assert understood.topics["hotel"].constraints == {"area": "east", "stars": "4"}
    assert understood.topics["hotel"].booking == {"people": "2", "day": "monday", "stay": "3"}
    assert understood.domain == "hotel"


def test_a_name_may_hold_the_words_of_another_domain(reader: Reader) -> None:
    understood = reader.read(["I am looking for a restaurant called the train to stay."])
    assert understood.domain == "restaurant"
    assert understood.topic.constraints == {"name": "the train to stay"}


def test_every_slot_of_the_tools_is_known(synthetic: Mapping[Mode, Conversion]) -> None:
    for tool in synthetic["v2"].world.tools:
        kind, _, domain = tool["function"]["name"].partition("_")
        slots = set(tool["function"]["parameters"]["properties"])
        known = SEARCH_SLOTS if kind == "search" else BOOKING_SLOTS
        assert slots - {"name", "trainID"} == set(known[domain]) - {"name"}
