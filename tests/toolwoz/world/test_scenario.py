"""A part of a split is a sample of it, though the corpus is sorted by kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolwoz.world.scenario import Goal, Scenario, take, take_last, write_scenarios


@pytest.fixture
def sorted_corpus(tmp_path: Path) -> Path:
    """300 scenarios of train: a restaurant each in the first half, a train each in the second."""
    tools = ["search_restaurant"] * 150 + ["search_train"] * 150
    scenarios = [
        Scenario(f"MUL{k:04}", "train", "v2", (), (Goal(tool, tool, {}),))
        for k, tool in enumerate(tools)
    ]
    write_scenarios(tmp_path / "scenarios.jsonl", scenarios)
    return tmp_path


def trains(scenarios: list[Scenario]) -> int:
    return sum(scenario.domains == ("train",) for scenario in scenarios)


def test_a_part_of_a_split_is_a_sample_of_it(sorted_corpus: Path) -> None:
    parts = [
        take(sorted_corpus, "train", 100),
        take(sorted_corpus, "train", 100, skip=100),
        take_last(sorted_corpus, "train", 100),
    ]
    assert all(35 <= trains(part) <= 65 for part in parts)
    assert len({scenario.id for part in parts for scenario in part}) == 300


def test_the_order_is_the_same_whatever_is_taken(sorted_corpus: Path) -> None:
    whole = take(sorted_corpus, "train", 300)
    assert take(sorted_corpus, "train", 20, skip=40) == whole[40:60]
    assert take_last(sorted_corpus, "train", 20) == whole[280:]
    # pinned: another order would be another benchmark
    assert [scenario.id for scenario in whole[:3]] == ["MUL0117", "MUL0170", "MUL0269"]


def test_more_than_there_are_is_refused(sorted_corpus: Path) -> None:
    with pytest.raises(ValueError, match=r"the train split has 300 scenarios, .* asks for 301"):
        take(sorted_corpus, "train", 300, skip=1)
