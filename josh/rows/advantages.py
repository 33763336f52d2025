"""What a node was worth beside its siblings."""

from __future__ import annotations

from josh.tree.node import Node
from josh.tree.tree import Tree


def node_advantages(tree: Tree) -> list[float | None]:
    """How much more of the goals a node led to than its siblings on average, -1 to 1.

    A node leads to the share of the goals earned in it, plus the mean over its children. One
    without siblings carries the advantage of its parent: nothing was chosen there. None for nodes
    that prove nothing: a fault, a full context, a twin.
    """
    values = [0.0] * len(tree.nodes)
    for index in range(len(tree.nodes) - 1, -1, -1):
        below = [values[child] for child in tree.children(index) if counts(tree.nodes[child])]
        earned = len(tree.nodes[index].earned & tree.goals) / max(1, len(tree.goals))
        values[index] = earned + (sum(below) / len(below) if below else 0.0)
    advantages: list[float | None] = []
    for index, node in enumerate(tree.nodes):
        siblings = [i for i in tree.children(node.parent) if counts(tree.nodes[i])]
        if not counts(node):
            advantages.append(None)
        elif len(siblings) > 1:
            mean = sum(values[sibling] for sibling in siblings) / len(siblings)
            advantages.append(values[index] - mean)
        else:
            advantages.append(0.0 if node.parent is None else advantages[node.parent])
    return advantages


def counts(node: Node) -> bool:
    """Whether it proves anything by itself: no fault, no full context, not a twin."""
    return not node.error and node.ended not in ("context", "merged")
