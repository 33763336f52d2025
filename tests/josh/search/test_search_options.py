"""Each option of the search alone, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from josh.search.config import JoshConfig, RolloutsConfig
from tests.helpers.fakes import FakeEpisode
from tests.josh.search.found import play, search


def test_all_rewards_of_a_turn_count() -> None:
    found = search({"0": ["+ab", "done"]}, goals="ab", all_rewards=True)
    assert found.names == ["0", "1"], "both are found, nothing is left to do"
    assert found.tree.reward == 1.0


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (["+a"], ["+a", "+b"], "1"),  # most rewards
        (["!", "+a"], ["+a", "+x"], "1"),  # then fewest errors
        (["+x", "+a", "hm"], ["+a", "hm"], "1"),  # then shortest
        (["+a", "hm"], ["+a", "ho"], "0"),  # then lowest index
    ],
)
def test_best_leaf_wins(first: list[str], second: list[str], winner: str) -> None:
    found = search({"0": first, "1": second}, goals="ab", best_leaf=True, turns=1)
    assert found.golden == winner


def test_refill_branches_as_many_as_fit() -> None:
    found = search({"0.0": ["bye"]}, turns=4, beam=4, refill=True)
    assert found.leaves_by_depth() == [2, 4, 4, 4]


def test_refill_grows_anew_from_the_golden_leaf_when_all_leaves_are_dead() -> None:
    found = search({"0": ["bye"], "1": ["bye"], "3": ["+a"]}, refill=True)
    assert found.names == ["0", "1", "2", "3"]
    assert found.golden == "3"


def test_patience() -> None:
    found = search({"0": ["+a"]}, goals="ab", patience=2, beam=2)
    assert found.leaves_by_depth() == [2, 2, 2]
    assert not found.heard("0.0.0"), "nobody waits for the answer"


def test_a_leaf_ends_on_a_malformed_call() -> None:
    found = search({"0": ["!", "+a"], "1": ["+x", "hm"]}, end_on_error=True, turns=2)
    assert found.ended("0") == "bad_call"
    assert found.leaves_by_depth() == [2, 2]
    assert found.golden is None


def test_a_leaf_that_has_earned_survives_a_malformed_call() -> None:
    found = search({"0": ["+a", "!", "sorry"]}, goals="ab", end_on_error=True, turns=1)
    assert found.golden == "0"
    assert found.heard("0")


def test_rollouts_are_independent_dialogues_from_one_root() -> None:
    moves = {"1": ["+a", "hm"], "2": ["bye"], "3": ["!", "+a"]}
    found = play(FakeEpisode(frozenset("a")), moves, RolloutsConfig(beam=4, turns=3))
    assert found.leaves_by_depth() == [4, 3, 3]
    assert found.tree.children(None) == [0, 1, 2, 3]
    assert found.golden == "1.0.0", "the best of them; 3 made an error"
    assert found.bad == {"0", "0.0", "0.0.0", "2"}


def test_rollouts_without_any_reward_have_no_golden_path() -> None:
    episode = FakeEpisode(frozenset("a"))
    assert play(episode, {}, RolloutsConfig(beam=2, turns=1)).golden is None


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        (JoshConfig, {"beam": 0}, "beam must be at least 1, not 0"),
        (JoshConfig, {"patience": -1}, "patience must be at least 0, not -1"),
        (JoshConfig, {"strategy": "rollouts"}, "strategy of a JoshConfig must be josh"),
        (RolloutsConfig, {"calls": 0}, "calls must be at least 1, not 0"),
        (RolloutsConfig, {"turns": 0}, "turns must be at least 1, not 0"),
    ],
)
def test_a_search_that_cannot_be_run_is_refused(
    config: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        config(**options)
