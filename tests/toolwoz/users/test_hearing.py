"""What the agenda user understands of agents' speech, in their own and in people's words."""

from __future__ import annotations

import pytest

from toolwoz.users.hearing import hear


@pytest.mark.parametrize(
    "text",
    [
        "Sorry, there is no such hotel.",
        "I'm sorry, but there are no Catalan restaurants in the centre.",
        "Unfortunately nothing matches.",
        "I could not find a train at that time.",
        "The booking was unsuccessful.",
        "There aren't any in the north.",
    ],
)
def test_refusals(text: str) -> None:
    heard = hear(text)
    assert heard.refused
    assert not heard.offered
    assert not heard.booked


@pytest.mark.parametrize(
    "text",
    [
        "I have the cote in the centre. It is in the expensive range.",
        "tarvell house is a guesthouse with 4 stars. There is no parking.",
        "There are 5 trains. Would you like TR1234?",
        "How about the gilded owl?",
    ],
)
def test_offers(text: str) -> None:
    assert hear(text).offered
    assert not hear(text).refused


@pytest.mark.parametrize(
    "text",
    [
        "I've got you booked for 16:30. The reference number is EQ0YAQ1G.",
        "Booked. The reference number is 48209385.",
        "Sorry for the wait, your table is booked, reference: 25d9d348.",
    ],
)
def test_bookings_with_reference(text: str) -> None:
    heard = hear(text)
    assert heard.booked
    assert heard.reference
    assert not heard.refused


def test_a_train_id_is_no_reference() -> None:
    assert not hear("I found TR1234, it leaves at 05:12.").reference


def test_offering_to_book_is_no_booking() -> None:
    assert not hear("tarvell house is nice. Shall I get it booked?").booked


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("What day would you like to travel on?", {"day"}),
        ("Which area and what price range?", {"area", "pricerange"}),
        ("For how many people and how many nights?", {"people", "stay"}),
        ("Where will you depart from, and where are you going to?", {"departure", "destination"}),
        ("Do you need parking or wifi?", {"parking", "internet"}),
    ],
)
def test_questions(text: str, slots: set[str]) -> None:
    assert slots <= set(hear(text).asked)


def test_statements_ask_nothing() -> None:
    assert hear("The price range is cheap, in the north area.").asked == ()


@pytest.mark.parametrize(
    ("slot", "text"),
    [
        ("phone", "Call them on 01223 323737."),
        ("postcode", "It is cb2 1ab."),
        ("address", "The address is 12 mill road."),
        ("entrance fee", "Entry is free."),
        ("duration", "It takes 51 minutes."),
        ("internet", "They have free wifi."),
        ("arriveBy", "It arrives at 10:07."),
    ],
)
def test_facts(slot: str, text: str) -> None:
    assert hear(text).tells(slot)
    assert not hear("How can I help?").tells(slot)


@pytest.mark.parametrize(
    ("wanted", "text", "broken"),
    [
        ({"area": "north"}, "It is in the south.", ("area",)),
        ({"area": "centre"}, "It is in the center.", ()),
        ({"area": "north"}, "Some are in the south, some in the west.", ()),
        ({"pricerange": "cheap"}, "It is moderately priced.", ("pricerange",)),
        ({"stars": "4"}, "It has 3 stars.", ("stars",)),
        ({"parking": "yes"}, "It is nice but has no parking.", ("parking",)),
        ({"parking": "no"}, "It has free parking.", ()),
        ({"food": "french"}, "It serves british food.", ("food",)),
        ({"leaveAt": "10:00"}, "It leaves at 09:35.", ("leaveAt",)),
        ({"leaveAt": "10:00"}, "One leaves at 09:35, one leaves at 10:35.", ()),
        ({"arriveBy": "10:00"}, "It arrives at 10:20.", ("arriveBy",)),
    ],
)
def test_broken_constraints(wanted: dict[str, str], text: str, broken: tuple[str, ...]) -> None:
    assert hear(text).broken(wanted) == broken
