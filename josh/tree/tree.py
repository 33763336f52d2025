"""A tree: what a search leaves behind. Each message is stored once, every judgement is derived.

A node is one turn of the agent. It holds a parent index and only its own messages; histories,
golden path, rewards and bad branches are computed, not flagged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dialogue.messages import is_error
from dialogue.protocols import Message, Tool
from dialogue.strict_json import compact_json
from josh.tree.node import Node, rank


@dataclass(frozen=True)
class Tree:
    """One explored dialogue.

    Attributes:
        scenario: Id of the scenario.
        goals: Ids of all its goals.
        tools: What the agent could call, in the OpenAI function format.
        messages: The root: the system prompt, if any, and the user's first words.
        nodes: The turns; a parent always comes before its children.
        golden_leaf: Index of the last leaf the tree collapsed to, or of the best rollout; None
            if no leaf ever earned a reward.
        error: The fault that stopped the search; run the harvest again to go on from there.
    """

    scenario: str
    goals: frozenset[str]
    tools: tuple[Tool, ...]
    messages: tuple[Message, ...]
    nodes: tuple[Node, ...]
    golden_leaf: int | None = None
    error: str | None = None

    @cached_property
    def tools_json(self) -> str:
        """The tools as JSON text: as objects, Arrow would give each the parameters of all."""
        return sys.intern(compact_json(self.tools).decode())  # thousands of rows share it

    @cached_property
    def _children(self) -> dict[int | None, list[int]]:
        found: dict[int | None, list[int]] = {}
        for index, node in enumerate(self.nodes):
            found.setdefault(node.parent, []).append(index)
        return found

    def children(self, index: int | None) -> Sequence[int]:
        """Indices of the nodes that grew from a node, or from the root (None)."""
        return self._children.get(index, [])

    @property
    def leaves(self) -> list[int]:
        return [index for index in range(len(self.nodes)) if not self.children(index)]

    def path(self, index: int | None) -> list[int]:
        """Indices from the root's child down to a node; empty for the root."""
        upwards = []
        while index is not None:
            upwards.append(index)
            index = self.nodes[index].parent
        return upwards[::-1]

    def name(self, index: int) -> str:
        """Sibling numbers from the root, "0.1.1": a node's name in seeds and journals."""
        steps = (self.children(self.nodes[step].parent).index(step) for step in self.path(index))
        return ".".join(map(str, steps))

    def history(self, index: int | None) -> list[Message]:
        """The whole dialogue up to and with a node, as a policy would see it."""
        own = (message for step in self.path(index) for message in self.nodes[step].messages)
        return [*self.messages, *own]

    def earned(self, index: int | None) -> frozenset[str]:
        """The goals reached on the way to a node."""
        return frozenset().union(*(self.nodes[step].earned for step in self.path(index)))

    @property
    def best_leaf(self) -> int | None:
        """The leaf that reached most goals, then with fewest errors, then with fewest calls."""
        earned = (leaf for leaf in self.leaves if self.earned(leaf))
        return min(earned, key=self._rank, default=None)

    def _rank(self, leaf: int) -> tuple[int, int, int]:
        path = [self.nodes[index] for index in self.path(leaf)]
        errors = sum(is_error(message) for node in path for message in node.messages)
        return rank(len(self.earned(leaf)), errors, sum(len(node.calls) for node in path))

    @property
    def completion_tokens(self) -> int:
        """Tokens the policy wrote, in all branches."""
        return sum(call.completion_tokens for node in self.nodes for call in node.calls)

    @property
    def golden_path(self) -> list[int]:
        return self.path(self.golden_leaf)

    @property
    def reward(self) -> float:
        """Share of the goals that the golden path reached, 0 to 1."""
        return len(self.earned(self.golden_leaf) & self.goals) / max(1, len(self.goals))

    @cached_property
    def fruitful(self) -> frozenset[int]:
        """Nodes in which, or below which, a goal was reached."""
        return self._with_ancestors(index for index, node in enumerate(self.nodes) if node.earned)

    @cached_property
    def inconclusive(self) -> frozenset[int]:
        """Nodes that were cut short, and those above them: more might have been reached."""
        return self._with_ancestors(i for i, node in enumerate(self.nodes) if node.is_cut_short)

    def _with_ancestors(self, indices: Iterable[int]) -> frozenset[int]:
        return frozenset(step for index in indices for step in self.path(index))

    @cached_property
    def bad(self) -> frozenset[int]:
        """Nodes of branches in which no goal was reached, though one was from a sibling."""
        found: set[int] = set()
        for index, node in enumerate(self.nodes):
            if index in self.fruitful or index in self.inconclusive:
                continue
            beaten = any(sibling in self.fruitful for sibling in self.children(node.parent))
            if beaten or node.parent in found:
                found.add(index)
        return frozenset(found)
