"""JOSH: branch at every agent turn, keep the branch that earns a reward.

The order in a turn is the paper's (arXiv 2409.04617): every live leaf acts, rewards are checked,
and only what is left then hears the user, so that a doomed leaf never costs a user's call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dialogue.endpoints.retries import PATIENT, Retry
from dialogue.messages import meaning
from dialogue.protocols import Episode, Policy
from josh.search.config import JoshConfig
from josh.search.dialogue import Dialogue, Memory
from josh.search.leaf import Leaf
from josh.tree.node import Node
from josh.tree.tree import Tree

PAPER = JoshConfig()


async def harvest(
    scenario: str,
    episode: Episode,
    policy: Policy,
    config: JoshConfig = PAPER,
    *,
    memory: Memory | None = None,
    retry: Retry = PATIENT,
) -> Tree:
    """Explore one dialogue from where the episode stands.

    Args:
        memory: Answers of a run of the same search that was killed; it goes on from them, and
            remembers new ones there.

    A fault of an engine or of the world stops the search: the tree says so in ``error``, and
    holds what was found until then.
    """
    search = Search(episode, Dialogue(scenario, policy, config.seed, memory, retry), config)
    await search.run()
    tree = Tree(
        scenario=scenario,
        goals=frozenset(episode.goals),
        tools=tuple(episode.tools),
        messages=tuple(episode.messages),
        nodes=tuple(search.nodes),
        golden_leaf=search.trunk.index,
        error=search.error,
    )
    return replace(tree, golden_leaf=tree.best_leaf) if config.strategy == "rollouts" else tree


class Search:
    """The state of one search, from round to round.

    Attributes:
        nodes: Of the rounds that are over.
        remaining: Goals no winner has been credited with.
        trunk: The leaf the tree last collapsed to, or the root.
        on_trial: Losing leaves on probation.
        quiet: Rounds since the last reward.
        error: The fault that stopped it.
    """

    def __init__(self, episode: Episode, dialogue: Dialogue, config: JoshConfig) -> None:
        self.dialogue = dialogue
        self.config = config
        self.nodes: list[Node] = []
        self.remaining = set(episode.goals)
        self.trunk = Leaf(None, "", None, episode)
        self.on_trial: list[Leaf] = []
        self.quiet = 0
        self.error: str | None = None

    async def run(self) -> None:
        live = [self.trunk]
        for _ in range(self.config.rounds):
            if self.is_over():
                live = []
            elif not live and self.config.refill and not self.trunk.ended:
                live = [self.trunk]
            if not live and not self.on_trial:
                return
            live = await self.round(live)
            if self.error:
                return

    def is_over(self) -> bool:
        """Whether the beam has nothing left to search for; losers may still be on trial."""
        if self.config.strategy == "rollouts":
            return False
        return not self.remaining or 0 < self.config.patience <= self.quiet

    async def round(self, live: Sequence[Leaf]) -> list[Leaf]:
        """One turn of every leaf: act, check rewards, hear the user. Returns those still live."""
        beam = self.grow(live)
        everyone = [*beam, *self.on_trial]
        self.quiet += 1
        await asyncio.gather(*(leaf.act(self.dialogue, self.config) for leaf in everyone))
        beam = self.check(beam)
        if self.config.merge:
            merge_twins(beam)
        if not any(leaf.error for leaf in everyone):
            await self.hear(beam)
            beam = self.check(beam)  # speech can earn a reward too, once it is answered
        self.close(everyone)
        return [leaf for leaf in beam if not leaf.ended]

    def grow(self, live: Sequence[Leaf]) -> list[Leaf]:
        """The children of the live leaves, siblings side by side; and one of each leaf on trial."""
        widths = self.widths(len(live))
        parents = [leaf for leaf, width in zip(live, widths, strict=True) for _ in range(width)]
        beam = [leaf.grow(index) for index, leaf in enumerate(parents, len(self.nodes))]
        self.on_trial = [
            leaf.grow(index, probation=leaf.probation - 1)
            for index, leaf in enumerate(self.on_trial, len(self.nodes) + len(beam))
        ]
        return beam

    async def hear(self, beam: Sequence[Leaf]) -> None:
        """Let the users answer, of the leaves that will go on."""
        hearers = [*([] if self.is_over() else beam), *self.on_trial]
        await asyncio.gather(*(leaf.reply(self.dialogue) for leaf in hearers))

    def close(self, everyone: Sequence[Leaf]) -> None:
        """The round is over: its leaves become nodes."""
        self.nodes += [leaf.to_node() for leaf in everyone]
        self.error = next((leaf.error for leaf in everyone if leaf.error), None)
        self.on_trial = [
            leaf for leaf in self.on_trial if leaf.probation and not leaf.ended and not leaf.earned
        ]

    def widths(self, leaves: int) -> list[int]:
        """How many children each live leaf gets."""
        beam = self.config.beam
        if self.config.strategy == "rollouts":
            return [1] * leaves if self.nodes else [beam]
        if self.config.refill:
            return [2 if leaf < beam - leaves else 1 for leaf in range(leaves)]
        return [2 if 2 * leaves <= beam else 1] * leaves

    def check(self, beam: list[Leaf]) -> list[Leaf]:
        """Collapse the tree to the leaf that earned a reward, if one did.

        A fault leaves the tree as it is: the leaf it struck might have been the winner.
        """
        winner = self.winner(beam)
        if winner is None or any(leaf.error for leaf in beam):
            return beam
        rewards = [goal for goal in winner.fresh if goal in self.remaining]
        self.remaining.difference_update(rewards if self.config.all_rewards else rewards[:1])
        self.trunk, self.quiet = winner, 0
        winner.fresh.clear()
        self.put_on_trial(leaf for leaf in beam if leaf is not winner)
        return [winner]

    def put_on_trial(self, losers: Iterable[Leaf]) -> None:
        """Play losers on for a while, if they are to have the time; not those that earned too."""
        for leaf in losers:
            leaf.probation = self.config.probation
            if leaf.probation and not leaf.ended and not leaf.earned:
                self.on_trial.append(leaf)

    def winner(self, beam: Sequence[Leaf]) -> Leaf | None:
        """The leaf to collapse to: the first that earned a remaining goal, or the best."""
        if self.config.strategy == "rollouts":
            return None
        earned = [leaf for leaf in beam if not self.remaining.isdisjoint(leaf.fresh)]
        if not self.config.best_leaf:
            return next(iter(earned), None)
        return min(  # of equals, min takes the first: the one with the lowest node index
            earned,
            key=lambda leaf: (-len(self.remaining & set(leaf.fresh)), leaf.errors, leaf.length),
            default=None,
        )


def merge_twins(beam: Sequence[Leaf]) -> None:
    """Of siblings that did the same in this turn and got the same answers, one goes on."""
    seen = set()
    for leaf in beam:
        deed = (leaf.parent, tuple(map(meaning, leaf.messages)))
        if deed in seen and not leaf.ended:
            leaf.ended = "merged"
        seen.add(deed)
