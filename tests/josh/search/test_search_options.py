"""Each option of the search alone, worked out by hand."""

from __future__ import annotations

import pytest

from tests.josh.search.found import search


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


def test_refill_grows_anew_from_the_trunk_when_all_leaves_are_dead() -> None:
    found = search({"0": ["bye"], "1": ["bye"], "3": ["+a"]}, refill=True)
    assert found.names == ["0", "1", "2", "3"]
    assert found.golden == "3"


def test_identical_siblings_go_on_as_one() -> None:
    found = search({}, turns=3, merge=True)
    assert found.leaves_by_depth() == [2, 2, 2]
    assert [found.ended(name) for name in found.names] == [None, "merged"] * 3
    assert not found.heard("1"), "a twin costs no user's call"


def test_a_twin_is_not_bad_when_its_sibling_wins_later() -> None:
    found = search({"0.1": ["+a"]}, merge=True)
    assert found.golden == "0.1"
    assert found.bad == {"0.0"}


def test_a_loser_that_earns_on_probation_is_not_bad() -> None:
    moves = {"0": ["+a", "done"], "1": ["late"], "1.0": ["+a"]}
    assert search(moves).bad == {"1"}
    found = search(moves, probation=2)
    assert found.names == ["0", "1", "1.0"], "and it is not played on any further"
    assert found.bad == set()


def test_a_loser_that_earns_nothing_on_probation_is_bad_altogether() -> None:
    found = search({"0": ["+a"]}, probation=2)
    assert found.names == ["0", "1", "1.0", "1.0.0"]
    assert found.bad == {"1", "1.0", "1.0.0"}


def test_probation_takes_no_room_in_the_beam() -> None:
    found = search({"0": ["+a"]}, goals="ab", probation=1, beam=2, turns=3)
    assert found.names == ["0", "1", "0.0", "0.1", "1.0", "0.0.0", "0.1.0"]


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


def test_branching_at_every_message() -> None:
    found = search({"0": ["+x"], "0.1": ["+a"]}, branching="message")
    assert found.names == ["0", "1", "0.0", "0.1", "1.0", "1.1"]
    assert found.golden == "0.1"
    assert found.heard("1")
    assert not found.heard("0"), "a tool call is not speech"


def test_rollouts_are_independent_dialogues_from_one_root() -> None:
    moves = {"1": ["+a", "hm"], "2": ["bye"], "3": ["!", "+a"]}
    found = search(moves, strategy="rollouts", beam=4, turns=3)
    assert found.leaves_by_depth() == [4, 3, 3]
    assert found.tree.children(None) == [0, 1, 2, 3]
    assert found.golden == "1.0.0", "the best of them; 3 made an error"
    assert found.bad == {"0", "0.0", "0.0.0", "2"}


def test_rollouts_without_any_reward_have_no_golden_path() -> None:
    assert search({}, strategy="rollouts", beam=2, turns=1).golden is None
