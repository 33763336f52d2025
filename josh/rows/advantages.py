"""The advantage of a node: what it led to, compared with its siblings."""

from __future__ import annotations

from josh.tree.tree import Tree


def node_advantages(tree: Tree) -> list[float | None]:
    """The share of the goals a node led to, minus the mean of it and its siblings, -1 to 1.

    A node leads to the share of the goals earned in it, plus the mean over its children. A node
    without siblings carries the advantage of its parent: nothing was chosen there. Nodes that
    were cut short have None, and no part in any mean.
    """
    values = [0.0] * len(tree.nodes)
    for index in range(len(tree.nodes) - 1, -1, -1):
        below = [
            values[child] for child in tree.children(index) if not tree.nodes[child].is_cut_short
        ]
        earned = len(tree.nodes[index].earned & tree.goals) / max(1, len(tree.goals))
        values[index] = earned + (sum(below) / len(below) if below else 0.0)
    advantages: list[float | None] = []
    for index, node in enumerate(tree.nodes):
        siblings = [i for i in tree.children(node.parent) if not tree.nodes[i].is_cut_short]
        if node.is_cut_short:
            advantages.append(None)
        elif len(siblings) > 1:
            mean = sum(values[sibling] for sibling in siblings) / len(siblings)
            advantages.append(values[index] - mean)
        else:
            advantages.append(0.0 if node.parent is None else advantages[node.parent])
    return advantages
