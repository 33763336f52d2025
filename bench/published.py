"""The published search's behaviour, written anew: a thread a dialogue, its branches one by one.

What it keeps of the original, as described in its paper and seen in its timings: leaves are stepped
one after another, then their users one after another; each branch deep-copies its history; as many
threads as dialogues share one interpreter. What it leaves out, in its favour: rebuilding the
databases, and rewriting the file of all results after each dialogue.
"""

from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bench.emulated import GOALS, Episode, Message, utter
from dialogue.seeds import call_seed

BEAM, TURNS, CALLS = 8, 15, 3


@dataclass
class Branch:
    path: str
    episode: Episode
    earned: frozenset[str] = frozenset()
    speech: Message = field(default_factory=dict)

    def children(self) -> list[Branch]:
        dot = "." if self.path else ""
        return [
            Branch(f"{self.path}{dot}{number}", copy.deepcopy(self.episode)) for number in (0, 1)
        ]


@dataclass(frozen=True)
class Outcome:
    """A dialogue's golden leaf, and the agent turns it took."""

    golden: str | None
    turns: int


def search(scenario: str, seconds: float, luck: int) -> Outcome:
    """One dialogue against an engine and a user that take so long for each call."""
    leaves, remaining = [Branch("", Episode())], set(GOALS)
    golden, turns = None, 0
    for _ in range(TURNS):
        if 2 * len(leaves) <= BEAM:
            leaves = [child for leaf in leaves for child in leaf.children()]
        else:  # the original goes on in the same node; named as a child, so that seeds agree
            leaves = [Branch(f"{leaf.path}.0", leaf.episode) for leaf in leaves]
        for leaf in leaves:
            act(leaf, scenario, seconds, luck)
        turns += len(leaves)
        winner = next((leaf for leaf in leaves if leaf.earned & remaining), None)
        if winner:
            golden, leaves = winner.path, [winner]
            remaining -= winner.earned
        if not remaining:
            break
        for leaf in leaves:
            time.sleep(seconds)
            leaf.episode.answer(leaf.speech)
    return Outcome(golden, turns)


def act(leaf: Branch, scenario: str, seconds: float, luck: int) -> None:
    """One agent turn: calls until it speaks."""
    for number in range(CALLS):
        time.sleep(seconds)
        seed = call_seed(0, scenario, f"{leaf.path}:{number}")
        message = utter(leaf.episode.messages, seed, luck)
        if "tool_calls" not in message:
            leaf.speech = message
            return
        leaf.earned |= leaf.episode.answer(message).earned


def search_all(scenarios: list[str], seconds: float, luck: int) -> list[Outcome]:
    """All dialogues at once, a thread each."""
    with ThreadPoolExecutor(len(scenarios)) as pool:
        return list(pool.map(lambda scenario: search(scenario, seconds, luck), scenarios))
