"""The paper's algorithm, in small searches worked out by hand; nodes are named by their sibling
numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dialogue.conformance import check_episode
from dialogue.seeds import call_seed
from josh.search.search import explore
from tests.helpers.fakes import FakeEpisode, Message, Script, call, say
from tests.josh.search.found import play, search


def test_the_fake_world_is_a_world() -> None:
    async def start() -> FakeEpisode:
        return FakeEpisode(frozenset("ab"))

    asyncio.run(check_episode(start, [call("a"), say("found a"), call("b", "a"), say("both")]))


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
    policy = Failing(call_seed(0, "s", "1:0"))
    tree = asyncio.run(explore("s", FakeEpisode(frozenset("a")), policy))
    assert tree.error == "s 1:0: policy: ValueError: engine on fire"
    assert tree.golden_leaf is None, "the leaf that was struck might have been the better one"
    assert tree.bad == set()
    assert [node.error for node in tree.nodes] == [None, tree.error]
