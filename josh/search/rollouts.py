"""Rollouts: independent dialogues from one root, as a tree that branches there alone."""

from __future__ import annotations

from josh.search.config import RolloutsConfig
from josh.search.dialogue import Dialogue
from josh.search.leaf import Leaf, act, reply
from josh.tree.node import Node


async def play_rollouts(root: Leaf, dialogue: Dialogue, config: RolloutsConfig) -> list[Node]:
    """Play the dialogues side by side, turn by turn; a fault stops them all."""
    nodes: list[Node] = []
    live = [root] * config.beam
    for _ in range(config.turns):
        leaves = [leaf.grow(index) for index, leaf in enumerate(live, len(nodes))]
        await act(leaves, dialogue, config)
        if not any(leaf.error for leaf in leaves):
            await reply(leaves, dialogue)
        nodes += [leaf.to_node() for leaf in leaves]
        if any(leaf.error for leaf in leaves):
            break
        live = [leaf for leaf in leaves if not leaf.ended]
    return nodes
