"""Trees: what is derived from them, and that they survive their files."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from josh.search.config import JoshConfig
from josh.search.search import explore
from josh.tree.node import Call, Node
from josh.tree.store import read_trees, write_trees
from josh.tree.tree import Tree
from josh.tree.tree_json import from_json, to_bytes
from tests.helpers.fakes import FakeEpisode, Script, call, say

TEXT = st.text(st.characters(exclude_categories=[]), max_size=5)  # lone surrogates too
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant"]), "content": TEXT | st.none()},
        optional={"tool_calls": st.just(call("a")["tool_calls"])},
    ),
    max_size=3,
).map(tuple)
CALLS = st.builds(
    Call,
    seed=st.integers(0, 2**31 - 1),
    model=TEXT,
    prompt_tokens=st.integers(0, 10**6),
    token_ids=st.lists(st.integers(0, 2**31), max_size=3).map(tuple),
    logprobs=st.lists(st.floats(max_value=0), max_size=3).map(tuple),
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    nodes = tuple(
        Node(
            parent=draw(st.none() | st.integers(0, index - 1)) if index else None,
            messages=draw(MESSAGES),
            earned=draw(st.frozensets(st.sampled_from("abc"))),
            calls=draw(st.lists(CALLS, max_size=2).map(tuple)),
            ended=draw(st.sampled_from([None, "done", "context", "bad_call"])),
            error=draw(st.none() | TEXT),
        )
        for index in range(draw(st.integers(0, 6)))
    )
    return Tree(
        scenario=draw(TEXT),
        goals=frozenset("abc"),
        tools=({"z": 1, "a": 2},),
        messages=draw(MESSAGES),
        nodes=nodes,
        golden_leaf=draw(st.none() | st.integers(0, len(nodes) - 1)) if nodes else None,
        error=draw(st.none() | TEXT),
    )


@settings(max_examples=40, deadline=None)
@given(tree=trees())
def test_a_tree_survives_json(tree: Tree) -> None:
    again = from_json(json.loads(to_bytes(tree)))
    assert again == tree
    assert to_bytes(again) == to_bytes(tree)


@settings(max_examples=40, deadline=None)
@given(tree=trees())
def test_what_is_derived_agrees(tree: Tree) -> None:
    for index in range(len(tree.nodes)):
        path = tree.path(index)
        assert path[-1] == index
        assert path[0] in tree.children(None)
        assert all(child in tree.children(parent) for parent, child in pairwise(path))
        assert (index in tree.fruitful) == any(
            tree.nodes[below].earned
            for below in range(len(tree.nodes))
            if index in tree.path(below)
        )
    assert not tree.bad & (tree.fruitful | tree.inconclusive)


@pytest.fixture(scope="module")
def harvested() -> list[Tree]:
    moves = {"0": ["!", "hm"], "1": ["+a", "\ud83dé"], "1.0": ["<"], "1.1": ["+b"]}
    configs = [JoshConfig(), JoshConfig(beam=2, turns=2), JoshConfig(turns=1)]
    return [
        asyncio.run(explore("s", FakeEpisode(frozenset("ab")), Script(moves), config))
        for config in configs
    ]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_trees_survive_files(harvested: list[Tree], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"new/trees{suffix}"
    assert write_trees(path, iter(harvested)) == 3
    assert [to_bytes(tree) for tree in read_trees(path)] == [to_bytes(t) for t in harvested]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.jsonl or \.parquet"):
        write_trees(tmp_path / "trees.csv", [])


def test_a_harvest_that_breaks_leaves_the_old_file(harvested: list[Tree], tmp_path: Path) -> None:
    path = tmp_path / "trees.jsonl"
    write_trees(path, harvested)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        write_trees(path, (1 / 0 for _ in "x"))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_record_is_named(harvested: list[Tree], tmp_path: Path) -> None:
    path = tmp_path / "trees.jsonl"
    path.write_bytes(to_bytes(harvested[0]) + b'\n{"schema_version": 2, "scenario": "x"}\n')
    with pytest.raises(ValueError, match=r"trees.jsonl:2: tree x: KeyError\('goals'\)"):
        list(read_trees(path))
    path.write_bytes(b'{"schema_version": 99, "scenario": "x"}\n')
    with pytest.raises(ValueError, match="schema version 99, this josh reads 2; harvest again"):
        list(read_trees(path))


def test_history_reward_and_what_is_bad() -> None:
    def node(parent: int | None, text: str, *earned: str) -> Node:
        return Node(parent, (say(text),), frozenset(earned))

    nodes = (node(None, "0"), node(None, "1", "a"), node(1, "1.0"), node(1, "1.1", "b"))
    root = ({"role": "user", "content": "hi"},)
    tree = Tree("s", frozenset("abcd"), (), root, nodes, golden_leaf=3)
    assert tree.golden_path == [1, 3]
    assert tree.leaves == [0, 2, 3]
    assert [message["content"] for message in tree.history(3)] == ["hi", "1", "1.1"]
    assert tree.bad == {0, 2}
    assert tree.reward == 0.5
