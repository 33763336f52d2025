"""Small searches whose outcome was worked out by hand; nodes are named by their sibling numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from josh.config import JoshConfig
from josh.dialogue import seed_of
from josh.search import harvest
from josh.tree import Tree
from tests.conformance import check_episode
from tests.josh.fakes import FakeEpisode, Message, Script, call, say


@dataclass(frozen=True)
class Found:
    """A tree, read by the names of its nodes."""

    tree: Tree
    asked: int

    @property
    def names(self) -> list[str]:
        return [self.tree.name(index) for index in range(len(self.tree.nodes))]

    @property
    def golden(self) -> str | None:
        leaf = self.tree.golden_leaf
        return None if leaf is None else self.names[leaf]

    @property
    def bad(self) -> set[str]:
        return {self.names[index] for index in self.tree.bad}

    def ended(self, name: str) -> str | None:
        return self.tree.nodes[self.names.index(name)].ended

    def heard(self, name: str) -> bool:
        """Whether the user answered at that node."""
        messages = self.tree.nodes[self.names.index(name)].messages
        return bool(messages) and messages[-1]["role"] == "user"

    def leaves_by_depth(self) -> list[int]:
        depths = [name.count(".") for name in self.names]
        return [depths.count(depth) for depth in range(max(depths, default=-1) + 1)]


def search(moves: Mapping[str, Sequence[str]], goals: str = "a", **options: Any) -> Found:
    return play(FakeEpisode(frozenset(goals)), moves, **options)


def play(episode: FakeEpisode, moves: Mapping[str, Sequence[str]], **options: Any) -> Found:
    policy = Script(moves)
    tree = asyncio.run(harvest("s", episode, policy, JoshConfig(**options)))
    return Found(tree, len(policy.asked))


def test_the_fake_world_is_a_world() -> None:
    async def start() -> FakeEpisode:
        return FakeEpisode(frozenset("ab"))

    asyncio.run(check_episode(start, [call("a"), say("found a"), call("b", "a"), say("both")]))


# The paper's algorithm.


def test_no_reward_the_beam_doubles_until_it_is_full() -> None:
    found = search({}, turns=6)
    assert found.leaves_by_depth() == [2, 4, 8, 8, 8, 8]
    assert found.golden is None
    assert found.bad == set(), "nothing was won, so nothing was lost"


def test_one_reward_collapses_the_tree_and_ends_the_search() -> None:
    found = search({"0": ["hello"], "1": ["+a", "done"]})
    assert found.names == ["0", "1"]
    assert found.golden == "1"
    assert found.bad == {"0"}
    assert found.tree.reward == 1.0


def test_act_check_rewards_then_let_the_user_reply() -> None:
    found = search({"0": ["+a", "one"], "1": ["two"]}, goals="ab", turns=1)
    assert found.heard("0"), "the winner goes on"
    assert not found.heard("1"), "a doomed leaf never costs a user's call"


def test_nobody_is_asked_once_all_is_found() -> None:
    found = search({"0": ["+a", "one"]})
    assert not found.heard("0")
    assert not found.heard("1")


def test_after_a_collapse_the_tree_branches_from_the_winner_alone() -> None:
    found = search({"1": ["+a"], "1.0.1": ["+b"]}, goals="ab")
    assert found.names == ["0", "1", "1.0", "1.1", "1.0.0", "1.0.1", "1.1.0", "1.1.1"]
    assert found.golden == "1.0.1"
    assert found.bad == {"0", "1.1", "1.0.0", "1.1.0", "1.1.1"}


def test_two_leaves_earn_the_first_wins_and_the_other_is_not_bad() -> None:
    found = search({"0": ["hello"], "1.0": ["+a"], "1.1": ["+a"]})
    assert found.golden == "1.0"
    assert found.bad == {"0", "0.0", "0.1"}


def test_two_rewards_in_one_turn_only_the_first_counts() -> None:
    found = search({"0": ["+a", "+b", "done"], "0.0": ["+c"]}, goals="abc", turns=2)
    assert found.golden == "0.0", "the search goes on, for b and c"
    assert found.tree.earned(found.tree.golden_leaf) == {"a", "b", "c"}


def test_last_two_rewards_at_once_the_second_is_thrown_away() -> None:
    found = search({"0": ["+ab", "done"]}, goals="ab", turns=3)
    assert found.golden == "0"
    assert found.leaves_by_depth() == [2, 2, 4], "b is still searched for, in vain"
    assert found.bad == {"1"}, "what was searched in vain was not beaten by anything"


def test_a_sibling_that_earned_more_is_ignored() -> None:
    found = search({"0": ["+a"], "1": ["+a", "+b"]}, goals="ab", turns=1)
    assert found.golden == "0"
    assert found.bad == set()


def test_a_reward_of_another_branch_stays_to_be_found() -> None:
    found = search({"0": ["+a"], "1": ["+b"], "0.1": ["+b"]}, goals="ab")
    assert found.golden == "0.1"
    assert found.tree.reward == 1.0


def test_all_leaves_dead_ends_the_search() -> None:
    found = search({"0": ["bye"], "1": ["bye"]})
    assert found.names == ["0", "1"]
    assert [found.ended(name) for name in found.names] == ["done", "done"]
    assert found.golden is None


def test_dead_leaves_make_room_in_the_beam() -> None:
    found = search({"0": ["bye"], "1.0": ["bye"]}, turns=4, beam=4)
    assert found.leaves_by_depth() == [2, 2, 2, 4]


def test_all_or_nothing_three_leaves_do_not_branch_in_a_beam_of_four() -> None:
    found = search({"0.0": ["bye"]}, turns=4, beam=4)
    assert found.leaves_by_depth() == [2, 4, 3, 3]


def test_a_beam_of_one_is_a_plain_dialogue() -> None:
    found = search({"0.0": ["+a"]}, beam=1)
    assert found.names == ["0", "0.0"]
    assert found.golden == "0.0"


def test_a_turn_without_speech_goes_on_as_the_next() -> None:
    found = search({"0": ["+x", "+x", "+x"], "0.0": ["+a", "done"]}, turns=2)
    assert not found.heard("0")
    assert found.golden == "0.0"


def test_a_full_context_ends_a_leaf_and_is_nobodys_fault() -> None:
    found = search({"0": ["<"], "1": ["+a"]})
    assert found.ended("0") == "context"
    assert found.bad == set()


def test_a_reward_for_speech_is_found_when_the_user_has_answered() -> None:
    found = play(FakeEpisode(frozenset({"thanks", "a"})), {"1": ["praise"], "1.0": ["+a"]})
    assert found.golden == "1.0"
    assert found.bad == {"0", "1.1"}


# Each option alone.


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


# Faults.


class Failing(Script):
    """Fails at one place."""

    def __init__(self, seed: int) -> None:
        super().__init__({"0": ["+a"]})
        self.failing = seed

    async def __call__(self, *prompt: Sequence[Message], seed: int) -> Any:
        if seed == self.failing:
            raise ValueError("engine on fire")
        return await super().__call__(*prompt, seed=seed)


def test_a_fault_stops_the_search_and_labels_nothing() -> None:
    policy = Failing(seed_of(0, "s", "1:0"))
    tree = asyncio.run(harvest("s", FakeEpisode(frozenset("a")), policy))
    assert tree.error == "s 1:0: policy: ValueError: engine on fire"
    assert tree.golden_leaf is None, "the leaf that was struck might have been the better one"
    assert tree.bad == set()
    assert [node.error for node in tree.nodes] == [None, tree.error]


# Laws of every search.

MOVES = st.lists(
    st.sampled_from(["hm", "ho", "bye", "<", "!", "+a", "+b", "+ab", "+x"]), min_size=1, max_size=3
)
PATHS = st.lists(st.sampled_from("012"), min_size=1, max_size=4).map(".".join)


@settings(deadline=None)
@given(
    moves=st.dictionaries(PATHS, MOVES, max_size=12),
    config=st.fixed_dictionaries(
        {
            "beam": st.integers(1, 6),
            "turns": st.integers(1, 5),
            "branching": st.sampled_from(["turn", "message"]),
            "all_rewards": st.booleans(),
            "best_leaf": st.booleans(),
            "refill": st.booleans(),
            "merge": st.booleans(),
            "probation": st.integers(0, 2),
            "patience": st.integers(0, 3),
            "end_on_error": st.booleans(),
        }
    ),
)
def test_laws(moves: dict[str, list[str]], config: dict[str, Any]) -> None:
    found = search(moves, goals="ab", **config)
    tree = found.tree
    golden = set(tree.golden_path)
    assert not golden & tree.bad
    assert golden <= tree.fruitful
    assert not tree.bad & tree.excused
    for index, node in enumerate(tree.nodes):
        assert node.parent is None or node.parent < index
        assert len(node.calls) == sum(m["role"] == "assistant" for m in node.messages)
        assert node.ended is None or not tree.children(index), "nothing grows from an ended node"
        for sibling in tree.children(node.parent):
            assert (index in tree.bad) <= (sibling in tree.bad | tree.excused | tree.fruitful)
    if config["probation"] == 0:
        assert max(found.leaves_by_depth(), default=0) <= config["beam"] * (
            config["turns"] * 3 if config["refill"] else 1
        )
