"""Longest chain of calls of a search: those that must wait for one another."""

from __future__ import annotations

from collections import Counter

from josh.tree.node import Node
from josh.tree.tree import Tree


def limits(trees: list[Tree]) -> dict[str, float]:
    """How many times fewer seconds a dialogue could take than one call after another.

    ``in_rounds``: the leaves of a round act at once, and then its users answer at once; ours.
    ``leaves_that_never_wait``: each goes on as soon as it can, though a sibling may yet take the
    reward it acts on; nothing is faster with these turns. ``leaves_a_round``: the same if every
    turn took as many calls as every other.
    """
    return {
        "in_rounds": round(one_by_one(trees) / in_waves(trees), 2),
        "leaves_that_never_wait": round(one_by_one(trees) / along_paths(trees), 2),
        "leaves_a_round": round(leaves_a_round(trees), 2),
    }


def one_by_one(trees: list[Tree]) -> int:
    """Calls one after another in the longest dialogue: what the published loop cannot go below."""
    return max(sum(len(node.calls) + heard(node) for node in tree.nodes) for tree in trees)


def in_waves(trees: list[Tree]) -> int:
    """Calls one after another where all leaves of a round go at once, and then all its users."""
    lengths = []
    for tree in trees:
        acts, users = Counter[int](), set()
        for index, node in enumerate(tree.nodes):
            round_ = len(tree.path(index))
            acts[round_] = max(acts[round_], len(node.calls))
            users |= {round_} if heard(node) else set()
        lengths.append(acts.total() + len(users))
    return max(lengths)


def along_paths(trees: list[Tree]) -> int:
    """Calls one after another on the longest path of any dialogue: what nothing can go below."""

    def length(tree: Tree, leaf: int) -> int:
        path = [tree.nodes[index] for index in tree.path(leaf)]
        return sum(len(node.calls) + heard(node) for node in path)

    return max(length(tree, leaf) for tree in trees for leaf in tree.leaves)


def leaves_a_round(trees: list[Tree]) -> float:
    """Of the dialogue with most turns, how many leaves took one in a round, on average."""
    tree = max(trees, key=lambda one: len(one.nodes))
    return len(tree.nodes) / max(len(tree.path(leaf)) for leaf in tree.leaves)


def heard(node: Node) -> bool:
    """Whether the user answered."""
    return bool(node.messages[-1]["role"] == "user")
