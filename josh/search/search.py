"""JOSH: branch at every agent turn, keep the branch that earns a reward.

The order within a turn is the paper's (arXiv 2409.04617): every leaf acts, rewards are checked,
and only the leaves that are left hear the user, so that a losing leaf never costs a user's call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dialogue.endpoints.retries import PATIENT, Retry
from dialogue.protocols import Episode, Policy
from josh.search.config import JoshConfig, SearchConfig
from josh.search.dialogue import Dialogue, Memory
from josh.search.leaf import Leaf, act, reply
from josh.search.rollouts import play_rollouts
from josh.tree.node import Node, rank
from josh.tree.tree import Tree

PAPER = JoshConfig()


async def explore(
    scenario: str,
    episode: Episode,
    policy: Policy,
    config: SearchConfig = PAPER,
    *,
    memory: Memory | None = None,
    retry: Retry = PATIENT,
) -> Tree:
    """Explore one dialogue from where the episode stands.

    A fault of an engine or of the world stops the search: the tree names it in ``error``, and
    holds what was found until then.

    Args:
        scenario: Id of the scenario; every model call's seed depends on it.
        episode: The dialogue; it stays as it is.
        memory: Answers that an earlier run of this search was given before it was killed; the
            search goes on from them, and adds new ones.
    """
    dialogue = Dialogue(scenario, policy, config.seed, memory, retry)
    root = Leaf(None, "", None, episode)
    golden_leaf: int | None = None
    if isinstance(config, JoshConfig):
        search = Search(root, dialogue, config)
        await search.run()
        nodes, golden_leaf = search.nodes, search.golden.index
    else:
        nodes = await play_rollouts(root, dialogue, config)
    tree = Tree(
        scenario=scenario,
        goals=frozenset(episode.goals),
        tools=tuple(episode.tools),
        messages=tuple(episode.messages),
        nodes=tuple(nodes),
        golden_leaf=golden_leaf,
        error=next((node.error for node in nodes if node.error), None),
    )
    return tree if isinstance(config, JoshConfig) else replace(tree, golden_leaf=tree.best_leaf)


class Search:
    """The state of one JOSH search between two turns.

    Attributes:
        nodes: Nodes of the turns that are over.
        remaining: Goals no winner has been credited with.
        golden: The leaf the tree last collapsed to; at first the root.
        unrewarded: Turns since the last reward.
    """

    def __init__(self, root: Leaf, dialogue: Dialogue, config: JoshConfig) -> None:
        self.dialogue = dialogue
        self.config = config
        self.nodes: list[Node] = []
        self.remaining = set(root.episode.goals)
        self.golden = root
        self.unrewarded = 0

    async def run(self) -> None:
        """Play turn after turn until nothing is left to find, or to grow from, or a fault."""
        live = [self.golden]
        for _ in range(self.config.turns):
            if not live and self.config.refill and not self.golden.ended:
                live = [self.golden]
            if not live or self.is_over() or any(node.error for node in self.nodes):
                return
            live = await self.expand(live)

    def is_over(self) -> bool:
        """Whether all goals are found, or the patience is."""
        return not self.remaining or 0 < self.config.patience <= self.unrewarded

    async def expand(self, live: Sequence[Leaf]) -> list[Leaf]:
        """Play one turn: branch, act, check rewards, hear the user. Returns the leaves alive."""
        leaves = beam = self.branch(live)
        self.unrewarded += 1
        await act(leaves, self.dialogue, self.config)
        beam = self.check(beam)
        if not self.is_over() and not any(leaf.error for leaf in leaves):
            await reply(beam, self.dialogue)
            beam = self.check(beam)  # speech can earn a reward too, once it is answered
        self.nodes += [leaf.to_node() for leaf in leaves]
        return [leaf for leaf in beam if not leaf.ended]

    def branch(self, live: Sequence[Leaf]) -> list[Leaf]:
        """The children of the live leaves, siblings side by side."""
        widths = self.widths(len(live))
        parents = [leaf for leaf, width in zip(live, widths, strict=True) for _ in range(width)]
        return [leaf.grow(index) for index, leaf in enumerate(parents, len(self.nodes))]

    def widths(self, leaves: int) -> list[int]:
        """How many children each live leaf gets."""
        beam = self.config.beam
        if self.config.refill:
            return [2 if leaf < beam - leaves else 1 for leaf in range(leaves)]
        return [2 if 2 * leaves <= beam else 1] * leaves

    def check(self, beam: list[Leaf]) -> list[Leaf]:
        """Collapse the tree to the leaf that earned a reward, if one did; returns the new beam.

        A fault leaves the tree as it is: the leaf it struck might have been the winner.
        """
        winner = self.winner(beam)
        if winner is None or any(leaf.error for leaf in beam):
            return beam
        rewards = [goal for goal in winner.unchecked if goal in self.remaining]
        self.remaining.difference_update(rewards if self.config.all_rewards else rewards[:1])
        self.golden, self.unrewarded = winner, 0
        winner.unchecked.clear()
        return [winner]

    def winner(self, beam: Sequence[Leaf]) -> Leaf | None:
        """The leaf to collapse to: the first that earned a remaining goal, or the best."""
        earned = [leaf for leaf in beam if not self.remaining.isdisjoint(leaf.unchecked)]
        if not self.config.best_leaf:
            return next(iter(earned), None)
        return min(earned, key=self._rank, default=None)  # of equals, min takes the first

    def _rank(self, leaf: Leaf) -> tuple[int, int, int]:
        goals = len(self.remaining.intersection(leaf.unchecked))
        return rank(goals, leaf.path_errors, leaf.path_calls)
