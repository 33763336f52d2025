"""Dialogues into scenarios: golden files, and properties of any goal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwoz.conversion.conversion import Conversion, Dropped, to_scenario
from toolwoz.conversion.goals import domains, instructions
from toolwoz.conversion.proof import prove
from toolwoz.corpus.multiwoz import Dialogue
from toolwoz.world.domains import ENTITY_KEY
from toolwoz.world.scenario import Mode, Scenario
from toolwoz.world.world import World

MODES: tuple[Mode, ...] = ("parity", "v2")


@pytest.mark.parametrize("mode", MODES)
def test_the_golden_corpus_converts_as_written(
    golden: Path, tiny: Mapping[Mode, Conversion], mode: Mode
) -> None:
    expected = json.loads((golden / f"{mode}.json").read_text(encoding="utf-8"))
    got = tiny[mode]
    assert [json.loads(json.dumps(s.to_json())) for s in got.scenarios] == expected["scenarios"]
    assert {reason: list(ids) for reason, ids in got.dropped.items()} == expected["dropped"]


@pytest.mark.parametrize("mode", MODES)
def test_a_scenario_survives_json(tiny: Mapping[Mode, Conversion], mode: Mode) -> None:
    for scenario in tiny[mode].scenarios:
        assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario


def test_no_synthetic_dialogue_is_dropped(synthetic: Mapping[Mode, Conversion]) -> None:
    for mode in MODES:
        assert len(synthetic[mode].scenarios) == 160
        assert synthetic[mode].dropped == {}


def test_every_v2_scenario_can_be_won(synthetic: Mapping[Mode, Conversion]) -> None:
    v2 = synthetic["v2"]
    for scenario in v2.scenarios:
        outcome = prove(v2.world, scenario)
        assert outcome.earned == {goal.id for goal in scenario.goals}
        assert not outcome.succeeded_first


def test_a_first_try_that_is_no_valid_call_disproves_a_scenario(
    tiny: Mapping[Mode, Conversion],
) -> None:
    goal = {"info": {"type": "museum"}, "fail_info": {"type": "casino"}}
    dialogue = Dialogue("X", "train", {"attraction": goal}, (), {})
    reason = "search_attraction: its first try does not fail as it should"
    assert to_scenario(dialogue, tiny["v2"].world) == Dropped("X", reason)


def test_domains_come_in_the_order_of_the_goal_text() -> None:
    goal = {
        "restaurant": {"info": {"food": "thai"}},
        "hotel": {"info": {"area": "west"}},
        "train": {"info": {"day": "monday"}},
        "message": "Task 1: You are looking for a <b>train</b>. You are also looking for a place "
        "to dine. The restaurant should be near the hotel.",
    }
    assert domains(goal) == ["train", "restaurant", "hotel"]  # unmentioned ones last
    assert instructions(goal)[0].startswith("Task 1: You are looking for a train.")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("slot", "value", "kept"),
    [
        ("stars", 3, "3"),
        ("stars", 3.0, "3"),
        ("stars", ["3"], "3"),
        ("internet", True, "yes"),
        ("parking", [True], "yes"),
        ("area", ["north"], "north"),
        ("area", None, None),
        ("stars", [3, 4], "not one value"),
        ("area", [], "not one value"),
        ("area", {"north": 1}, "not one value"),
        ("area", [["north"]], "not one value"),
        ("stars", float("nan"), "not one value"),
    ],
)
def test_no_goal_value_vanishes(
    tiny: Mapping[Mode, Conversion], mode: Mode, slot: str, value: object, kept: str | None
) -> None:
    """It is kept as text where it means one value; else it is the reason to drop the dialogue."""
    goal = {"hotel": {"info": {"type": "guesthouse", slot: value, "pre_invalid": True}}}
    made = to_scenario(Dialogue("X", "train", goal, (), {}), tiny[mode].world)
    if kept == "not one value":
        assert made == Dropped("X", f"goal's hotel.info.{slot} is not one value")
        return
    assert isinstance(made, Scenario)
    kept_slots = {} if kept is None else {slot: kept}
    assert made.goals[0].arguments == {"type": "guesthouse", **kept_slots}


def raw_goals(world: World) -> st.SearchStrategy[dict[str, Any]]:
    """Goals of the MultiWOZ shape over this world's values, and over nonsense."""

    def value(domain: str, slot: str) -> st.SearchStrategy[str]:
        known = world.database.values(domain, slot)
        return st.sampled_from((*known, "dontcare", "", "09:05", "nonsense'"))

    def part(domain: str, tool: str) -> st.SearchStrategy[dict[str, Any]]:
        schema = next(t["function"] for t in world.tools if t["function"]["name"] == tool)
        slots = {s: value(domain, s) for s in schema["parameters"]["properties"]}
        slots.pop(ENTITY_KEY[domain], None) if tool.startswith("book") else None
        return st.fixed_dictionaries({}, optional=slots)

    def goal(domain: str) -> st.SearchStrategy[dict[str, Any]]:
        search = part(domain, f"search_{domain}")
        parts: dict[str, st.SearchStrategy[Any]] = {"info": search, "fail_info": search}
        if domain != "attraction":
            booking = part(domain, f"book_{domain}")
            parts |= {"book": booking, "fail_book": booking}
        return st.fixed_dictionaries({}, optional=parts)

    return st.fixed_dictionaries({}, optional={d: goal(d) for d in ENTITY_KEY})


@given(data=st.data())
def test_any_goal_is_a_winnable_scenario_or_a_reason(
    synthetic: Mapping[Mode, Conversion], data: st.DataObject
) -> None:
    world = synthetic["v2"].world
    dialogue = Dialogue("X", "train", data.draw(raw_goals(world)), (), {})
    made = to_scenario(dialogue, world)
    if isinstance(made, Dropped):
        assert made.reason
        return
    assert prove(world, made).earned == {goal.id for goal in made.goals}
    assert len({goal.id for goal in made.goals}) == len(made.goals)
    for goal in made.goals:
        assert not {*goal.arguments.values(), *goal.first_try.values()} & {"dontcare", ""}


@given(data=st.data())
def test_parity_keeps_values_as_they_are_written(
    synthetic: Mapping[Mode, Conversion], data: st.DataObject
) -> None:
    world = synthetic["parity"].world
    goal = data.draw(raw_goals(synthetic["v2"].world))
    booked = {d: {ENTITY_KEY[d]: "X", "reference": "Y"} for d in goal}
    made = to_scenario(Dialogue("X", "train", goal, (), booked), world)
    if isinstance(made, Dropped):
        return
    for call in made.goals:
        raw = goal[call.domain]
        assert call.arguments == (raw["book"] if call.is_booking else raw["info"])
        assert call.entity == ({ENTITY_KEY[call.domain]: "X"} if call.is_booking else {})


def test_a_dialogue_of_other_domains_is_dropped_whatever_else_it_has(
    tiny: Mapping[Mode, Conversion],
) -> None:
    corpus = {s.id: s for s in tiny["v2"].scenarios}
    assert "MUL0007" not in corpus
    goal = {"taxi": {"info": {"leaveAt": "10:00"}}, "hotel": {"info": {"area": "north"}}}
    dialogue = Dialogue("X", "test", goal, (), {})
    assert isinstance(to_scenario(dialogue, tiny["v2"].world), Dropped)
    kept = replace(dialogue, goal={**goal, "taxi": {}})
    assert isinstance(to_scenario(kept, tiny["v2"].world), Scenario)
