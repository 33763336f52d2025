"""Points in which the published environment is easily read otherwise, on small databases."""

from __future__ import annotations

import pytest

from tests.toolwoz.world.moves import Played
from toolwoz.conversion.conversion import to_scenario
from toolwoz.corpus.multiwoz import Dialogue
from toolwoz.corpus.readers.dialogue import last_booked
from toolwoz.world.database import Database
from toolwoz.world.scenario import Goal, Scenario
from toolwoz.world.world import World

DAY = {"departure": "ely", "day": "monday"}
TRAINS = [
    {"trainID": "TR1", "leaveAt": "05:29", "arriveBy": "06:00", **DAY},
    {"trainID": "TR2", "leaveAt": "17:30", "arriveBy": "18:00", **DAY},
    {"trainID": "TR3", "leaveAt": "23:29", "arriveBy": "23:50", **DAY},
    {"trainID": "TR2", "leaveAt": "19:30", "arriveBy": "20:00", **DAY},
    {"trainID": "TR4", "leaveAt": "17:30", "arriveBy": "18:05", **DAY},
]
HOTELS = [
    {"name": name, "area": "north", "postcode": "cb13jx"}
    for name in ("acorn house", "bridge inn", "the o'hara")
]
STAY = {"stay": "2", "day": "monday", "people": "3"}
ROWS = {"train": TRAINS, "hotel": HOTELS, "restaurant": [{"name": "x"}], "attraction": HOTELS}


@pytest.fixture(scope="module")
def world() -> World:
    return World.build(Database.from_rows(ROWS), "parity")


def search(domain: str, wanted: dict[str, str]) -> Goal:
    return Goal(f"search_{domain}", f"search_{domain}", wanted)


def book(domain: str, slots: dict[str, str], **entity: str) -> Goal:
    return Goal(f"book_{domain}", f"book_{domain}", slots, entity=entity)


LATE = {**DAY, "leaveAt": "17:30"}
SHOWN = {
    "the last of the wrong rows": (LATE, "", DAY, 3, False),
    "a later train is a wrong one": (LATE, "", LATE, 3, True),
    "with no row but right ones, the first of them": (DAY, "", DAY, 0, True),
    "the last row of the booked entity": (LATE, "TR2", LATE, 3, True),
    "of right rows alone, the last row of the booked entity": (
        DAY,
        "TR2",
        {"day": "monday"},
        3,
        True,
    ),
    "in place of the booked entity, the last wrong row": (LATE, "TR1", LATE, 3, False),
    "in place of the booked entity, no right row": (DAY, "TR9", DAY, None, False),
    "the first row of something else": (LATE, "", {"day": "monday", "arriveBy": "20:00"}, 0, False),
}


@pytest.mark.parametrize("name", SHOWN)
def test_which_row_is_shown(world: World, name: str) -> None:
    wanted, booked, asked, row, won = SHOWN[name]
    bookings = [book("train", {"people": "1"}, trainID=booked)] if booked else []
    played = Played(world, search("train", wanted), *bookings)
    expected = [] if row is None else [TRAINS[row]]
    assert played.content("search_train", **asked) == expected
    assert played.wins("search_train", **asked) is won


@pytest.mark.parametrize(
    ("arguments", "won"),
    [
        ({**STAY, "name": "Acorn House", "colour": "red"}, True),
        ({**STAY, "name": "acorn house", "colour": ["red"]}, True),
        ({**STAY, "name": "bridge inn", "colour": "red"}, False),
        ({**STAY, "people": ["3"], "name": "acorn house"}, False),
    ],
)
def test_a_refused_booking_can_still_score(
    world: World, arguments: dict[str, object], won: bool
) -> None:
    played = Played(world, book("hotel", STAY, name="acorn house"))
    assert "error" in played.content("book_hotel", **arguments)
    assert played.wins("book_hotel", **arguments) is won


def test_a_refused_booking_scores_in_parity_alone() -> None:
    world = World.build(Database.from_rows(ROWS), "v2")
    played = Played(world, book("hotel", STAY, name="acorn house"))
    assert not played.wins("book_hotel", **STAY, name="acorn house", colour="red")


def test_a_refused_search_never_scores(world: World) -> None:
    played = Played(world, search("hotel", {"area": "north"}))
    assert "error" in played.content("search_hotel", area="north", colour="red")
    assert not played.wins("search_hotel", area="north", colour="red")
    assert played.wins("search_hotel", area="north")


@pytest.mark.parametrize(
    ("domain", "key", "entity"),
    [
        ("hotel", "name", "cb13jx"),
        ("hotel", "name", "acorn guest house"),
        ("hotel", "name", "The O'Hara"),
        ("train", "trainID", "05:29"),
    ],
)
def test_the_booked_entity_is_kept_as_the_corpus_has_it(
    world: World, domain: str, key: str, entity: str
) -> None:
    goal = {domain: {"info": {"day": "monday"}, "book": {"people": "3"}}}
    booked = {domain: {key: entity, "reference": "AB12"}}
    scenario = to_scenario(Dialogue("X", "test", goal, (), booked), world)
    assert isinstance(scenario, Scenario)
    assert scenario.goals[1].entity == {key: entity}
    played = Played(world, *scenario.goals)
    assert played.wins(f"book_{domain}", people="3", **{key: entity})
    assert not played.wins(f"book_{domain}", people="3", **{key: "acorn house"})
    assert not played.wins(f"book_{domain}", people="3")


NAMED = {"name": "acorn house", "reference": "AB12"}
BARE = {"reference": "CD34"}


@pytest.mark.parametrize(
    ("bookings", "believed", "entity"),
    [
        ([NAMED, BARE], {"name": "bridge inn"}, {"name": "bridge inn"}),
        ([BARE], {"name": "bridge inn"}, {"name": "bridge inn"}),
        ([BARE, NAMED], {"name": "bridge inn"}, {"name": "acorn house"}),
        ([NAMED, BARE], {"name": "not mentioned"}, {"name": "cb13jx"}),
        ([NAMED, BARE], {"name": ""}, {"name": "cb13jx"}),
        ([NAMED, BARE], {}, {"name": "cb13jx"}),
        ([], {"name": "bridge inn"}, None),
    ],
)
def test_a_booking_of_a_reference_alone_is_of_the_entity_believed_in(
    world: World,
    bookings: list[dict[str, str]],
    believed: dict[str, str],
    entity: dict[str, str] | None,
) -> None:
    """In 2.1, MUL0744 ends in one, and believes in "holiday inn cambridge", which is no row."""
    state = {"hotel": {"book": {"booked": bookings}, "semi": believed}}
    goal = {"hotel": {"info": {"area": "north"}, "book": {"people": "3"}}}
    scenario = to_scenario(Dialogue("X", "test", goal, (), last_booked(state)), world)
    assert isinstance(scenario, Scenario)
    assert [goal.entity for goal in scenario.goals[1:]] == ([] if entity is None else [entity])
