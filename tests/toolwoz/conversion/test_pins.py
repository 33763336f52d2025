"""The published numbers of ToolWOZ, on the real MultiWOZ 2.1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import fmean

import pytest

from toolwoz.conversion.conversion import NO_GOALS, OTHER_DOMAINS, Conversion
from toolwoz.conversion.proof import prove
from toolwoz.corpus.multiwoz import Corpus
from toolwoz.world.domains import Split
from toolwoz.world.scenario import Mode, Scenario

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]


def of_split(conversion: Conversion, split: Split) -> list[Scenario]:
    return [scenario for scenario in conversion.scenarios if scenario.split == split]


def oracle_rewards(conversion: Conversion, split: Split) -> list[float]:
    return [
        len(prove(conversion.world, scenario).earned) / len(scenario.goals)
        for scenario in of_split(conversion, split)
    ]


def test_all_dialogues_are_read_once(real: Corpus) -> None:
    assert len(real.dialogues) == len({dialogue.id for dialogue in real.dialogues}) == 10_438
    sizes = Counter(dialogue.split for dialogue in real.dialogues)
    assert sizes == {"train": 8_439, "val": 999, "test": 1_000}
    assert {domain: len(rows) for domain, rows in real.databases.items()} == {
        "restaurant": 110,
        "hotel": 33,
        "attraction": 79,
        "train": 2_828,
    }


def test_toolwoz_has_the_published_size(real_conversions: Mapping[Mode, Conversion]) -> None:
    parity = real_conversions["parity"]
    sizes = Counter(scenario.split for scenario in parity.scenarios)
    assert sizes == {"train": 6_251, "val": 793, "test": 805}
    assert set(parity.dropped) == {OTHER_DOMAINS}
    assert [s.id for s in parity.scenarios] == sorted(s.id for s in parity.scenarios)


@pytest.mark.parametrize(
    ("split", "calls", "dialogues"),
    [
        ("test", 2_079, {1: 73, 2: 293, 3: 336, 4: 103}),
        ("val", 2_111, {1: 68, 2: 254, 3: 349, 4: 122}),
    ],
)
def test_the_goal_calls_are_the_published_ones(
    real_conversions: Mapping[Mode, Conversion],
    split: Split,
    calls: int,
    dialogues: dict[int, int],
) -> None:
    scenarios = of_split(real_conversions["parity"], split)
    assert Counter(len(s.goals) for s in scenarios) == dialogues
    assert sum(len(s.goals) for s in scenarios) == calls


def test_the_published_oracle_cannot_win(real_conversions: Mapping[Mode, Conversion]) -> None:
    rewards = oracle_rewards(real_conversions["parity"], "test")
    assert fmean(rewards) == pytest.approx(0.9789, abs=5e-5)
    assert fmean(reward == 1 for reward in rewards) == pytest.approx(0.9404, abs=5e-5)


def test_the_searches_it_loses_are_the_published_ones(
    real_conversions: Mapping[Mode, Conversion],
) -> None:
    parity = real_conversions["parity"]
    lost = Counter(
        goal.id
        for scenario in of_split(parity, "test")
        for goal in scenario.goals
        if goal.id not in prove(parity.world, scenario).earned
    )
    assert lost == {
        "search_train": 19,
        "search_attraction": 15,
        "search_restaurant": 10,
        "search_hotel": 4,
    }


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_corrected_oracle_wins_everything(
    real_conversions: Mapping[Mode, Conversion], split: Split
) -> None:
    assert set(oracle_rewards(real_conversions["v2"], split)) == {1.0}


def test_hardly_anything_is_dropped(real_conversions: Mapping[Mode, Conversion]) -> None:
    v2 = real_conversions["v2"]
    unwinnable = {r: ids for r, ids in v2.dropped.items() if r not in {OTHER_DOMAINS, NO_GOALS}}
    # Three train goals want cheap European food, of which the city has none.
    assert unwinnable == {
        "search_restaurant: its own goal call does not reach it": (
            "WOZ20271",
            "WOZ20445",
            "WOZ20662",
        )
    }
    assert len(of_split(v2, "test")) == 805


def test_first_tries_fail_exactly_where_the_goal_text_says_so(
    real_conversions: Mapping[Mode, Conversion],
) -> None:
    for scenario in real_conversions["v2"].scenarios:
        text = " ".join(scenario.instructions)
        for goal in scenario.goals:
            if not goal.is_booking:
                assert bool(goal.first_try) == (f"no such {goal.domain}" in text), scenario.id
