"""Golden paths as MLflow traces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dialogue.protocols import Message
from josh.tree.tree import Tree
from services.mlflow.traces import trace_dialogues


class GoldenPath(NamedTuple):
    """The dialogue that a tree collapsed to, as a trace shows it."""

    scenario: str
    goals: Sequence[str]
    earned: Sequence[str]
    messages: Sequence[Message]
    error: str | None


def trace_trees(trees: Iterable[Tree], search: str, split: str, most: int) -> None:
    """Write the golden paths of the first `most` trees that have one, as :func:`trace_dialogues`.

    Args:
        trees: Read until there are enough.
        search: Stands where an evaluation has the policy: ``harvest/josh``.
        split: Split of the scenarios.
        most: How many.
    """
    found = (tree for tree in trees if tree.golden_leaf is not None)
    trace_dialogues(map(_golden, found), f"harvest/{search}", split, most)


def _golden(tree: Tree) -> GoldenPath:
    leaf = tree.golden_leaf
    earned = sorted(tree.earned(leaf) & tree.goals)
    messages = tuple(tree.history(leaf))
    return GoldenPath(tree.scenario, sorted(tree.goals), earned, messages, tree.error)
