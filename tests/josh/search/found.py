"""A search whose outcome was worked out by hand, read by the names of its nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from josh.search.config import JoshConfig, SearchConfig
from josh.search.search import PAPER, explore
from josh.tree.tree import Tree
from tests.helpers.fakes import FakeEpisode, Script


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
    return play(FakeEpisode(frozenset(goals)), moves, JoshConfig(**options))


def play(
    episode: FakeEpisode, moves: Mapping[str, Sequence[str]], config: SearchConfig = PAPER
) -> Found:
    policy = Script(moves)
    tree = asyncio.run(explore("s", episode, policy, config))
    return Found(tree, len(policy.asked))
