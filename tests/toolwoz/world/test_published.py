"""Parity against a plain reading of the published semantics: answers and rewards, call by call."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toolwoz.world.published import booking_wins, is_refused, search_wins, shown
from toolwoz.conversion.conversion import Conversion
from toolwoz.world.database import Database
from toolwoz.world.domains import DOMAINS, ENTITY_KEY
from toolwoz.world.rules import earned
from toolwoz.world.scenario import Goal, Mode, Scenario
from toolwoz.world.world import World

Slots = dict[str, str]


def variants(rng: random.Random, world: World, domain: str, tool: str, slots: Slots) -> list[Slots]:
    """A goal call, and what an agent may make of it: less, more, other, written otherwise."""
    made = [slots, {slot: value.upper() for slot, value in slots.items()}, {}]
    made += [{s: v for s, v in slots.items() if s != left_out} for left_out in slots]
    made += [{**slots, "colour": "red"}, {**slots, "colour": ["red"]}]
    (schema,) = (t["function"]["parameters"] for t in world.tools if t["function"]["name"] == tool)
    for slot in schema["properties"]:
        known = world.database.values(domain, slot) if tool.startswith("search") else ("2",)
        made.append({**slots, slot: rng.choice((*known, "don't care"))})
    return made


def differences(world: World, scenarios: Iterable[Scenario], seed: int) -> Iterator[str]:
    """Per call "", or what it was where answer or reward is another than the description's."""
    rng = random.Random(seed)
    for scenario in scenarios:
        domains = {goal.domain for goal in scenario.goals} | {rng.choice(DOMAINS)}
        for tool in (
            f"{kind}_{domain}" for domain in sorted(domains) for kind in ("search", "book")
        ):
            goal = scenario.goal(tool)
            slots = {**goal.arguments, **goal.entity} if goal else {}
            if tool == "book_attraction":
                continue  # it has no parameters and no goals
            for call in variants(rng, world, tool.partition("_")[2], tool, slots):
                yield difference(world, scenario, tool, call)


def difference(world: World, scenario: Scenario, tool: str, call: Mapping[str, Any]) -> str:
    """The call and its answer where answer or reward is another than the description's, else ""."""
    domain, rows = tool.partition("_")[2], world.database.rows
    answer = world.answer(scenario, tool, json.dumps(call), seed=0)
    content = json.loads(answer.content)
    refused = is_refused(tool, call)
    if tool.startswith("search"):
        row = None if refused else shown(rows, scenario, domain, call)
        wins = search_wins(scenario, domain, call, row)
        same = refused or content == ([] if row is None else [row])
    else:
        wins = booking_wins(scenario, domain, call)
        same = refused or content["success"] is wins
    same &= ("error" in content) is refused
    same &= (earned(world.database, scenario, answer) == tool) is wins
    return "" if same else f"{scenario.id}: {tool}({call}): {answer.content}"


def test_every_answer_and_reward_of_the_synthetic_corpus(
    synthetic: Mapping[Mode, Conversion],
) -> None:
    parity = synthetic["parity"]
    found = Counter(differences(parity.world, parity.scenarios, seed=0))
    assert set(found) == {""}
    assert found[""] > 3_000


# Few values, so that rows, goals and calls often agree; "x" is nowhere in the database.
VALUES = {
    "hotel": {"name": "a o'b A", "area": "north west", "stars": "3 4", "type": "hotel Inn"},
    "train": {"trainID": "TR1 TR2", "day": "monday", "leaveAt": "07:15 09:15", "arriveBy": "10:00"},
}
BOOKED = {"hotel": {"people": "2 3", "day": "monday"}, "train": {"people": "1 2"}}


def slots_of(values: Mapping[str, str], *more: Any, whole: bool) -> st.SearchStrategy[Slots]:
    fields = {slot: st.sampled_from([*text.split(), *more]) for slot, text in values.items()}
    return st.fixed_dictionaries(fields if whole else {}, optional={} if whole else fields)


@given(data=st.data())
def test_any_call_in_any_scenario_of_any_database(data: st.DataObject) -> None:
    domain = data.draw(st.sampled_from(sorted(VALUES)))
    values, key = VALUES[domain], ENTITY_KEY[domain]
    made = data.draw(st.lists(slots_of(values, whole=True), min_size=1, max_size=6))
    rows = {d: made if d == domain else [{ENTITY_KEY[d]: "x"}] for d in DOMAINS}
    world = World.build(Database.from_rows(rows), "parity")
    wanted = {s: v for s, v in values.items() if s != "trainID"}
    info = data.draw(slots_of(wanted, "dontcare", "x", whole=False))
    goals = [Goal(f"search_{domain}", f"search_{domain}", info)]
    entity: Slots = {}
    if data.draw(st.booleans()):
        book = data.draw(slots_of(BOOKED[domain], whole=False))
        entity = data.draw(slots_of({key: values[key]}, "x", whole=False))
        goals.append(Goal(f"book_{domain}", f"book_{domain}", book, entity=entity))
    scenario = Scenario("X", "test", "parity", (), tuple(goals))
    odd = ("dontcare", "", "x", 3, None, ["x"])
    for goal, known in ((goals[0], wanted), (goals[-1], {**BOOKED[domain], key: values[key]})):
        extra = data.draw(slots_of({**known, "colour": "red"}, *odd, whole=False))
        start = {**goal.arguments, **goal.entity} if data.draw(st.booleans()) else {}
        left_out = data.draw(st.sampled_from([None, *start]))
        call = {s: v for s, v in {**start, **extra}.items() if s != left_out}
        assert difference(world, scenario, goal.tool, call) == ""


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_answer_and_reward_of_the_real_corpus(
    real_conversions: Mapping[Mode, Conversion],
) -> None:
    parity = real_conversions["parity"]
    held_out = [one for one in parity.scenarios if one.split != "train"]
    found = Counter(differences(parity.world, held_out, seed=0))
    assert set(found) == {""}
    assert found[""] > 40_000
