"""Parity against a plain reading of the published semantics: answers and rewards, call by call."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.toolwoz.world.published import booking_wins, search_wins, shown
from toolwoz.conversion.conversion import Conversion
from toolwoz.world.domains import DOMAINS
from toolwoz.world.rules import earned
from toolwoz.world.scenario import Mode, Scenario
from toolwoz.world.world import World

Slots = dict[str, str]


def variants(rng: random.Random, world: World, domain: str, tool: str, slots: Slots) -> list[Slots]:
    """A goal call, and what an agent may make of it: less, more, other, written otherwise."""
    made = [slots, {slot: value.upper() for slot, value in slots.items()}, {}]
    made += [{s: v for s, v in slots.items() if s != left_out} for left_out in slots]
    (schema,) = (t["function"]["parameters"] for t in world.tools if t["function"]["name"] == tool)
    for slot in schema["properties"]:
        known = world.database.values(domain, slot) if tool.startswith("search") else ("2",)
        made.append({**slots, slot: rng.choice((*known, "don't care"))})
    return made


def differences(world: World, scenarios: Iterable[Scenario], seed: int) -> Iterator[str]:
    """Per call "", or what it was where answer or reward is another than the description's."""
    rng = random.Random(seed)
    rows = world.database.rows
    for scenario in scenarios:
        domains = {goal.domain for goal in scenario.goals} | {rng.choice(DOMAINS)}
        for tool in (
            f"{kind}_{domain}" for domain in sorted(domains) for kind in ("search", "book")
        ):
            domain, goal = tool.partition("_")[2], scenario.goal(tool)
            slots = {**goal.arguments, **goal.entity} if goal else {}
            if tool == "book_attraction":
                continue  # it has no parameters and no goals
            for given in variants(rng, world, domain, tool, slots):
                answer = world.answer(scenario, tool, json.dumps(given), seed=0)
                content = json.loads(answer.content)
                if tool.startswith("search"):
                    row = shown(rows, scenario, domain, given)
                    wins = search_wins(scenario, domain, given, row)
                    place = answer.rows.bit_length() - 1
                    same = (rows[domain][place] if content else None) == row
                else:
                    wins = booking_wins(scenario, domain, given)
                    same = content["success"] is wins
                same &= (earned(world.database, scenario, answer) == tool) is wins
                yield "" if same else f"{scenario.id}: {tool}({given}): {answer.content}"


def test_every_answer_and_reward_of_the_synthetic_corpus(
    synthetic: Mapping[Mode, Conversion],
) -> None:
    parity = synthetic["parity"]
    found = Counter(differences(parity.world, parity.scenarios, seed=0))
    assert set(found) == {""}
    assert found[""] > 3_000


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
