"""Summary of a search, counted from its trees."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from josh.tree.tree import Tree

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """The counts of one search.

    Attributes:
        trees: Dialogues explored.
        faults: Dialogues that an engine's failure cut short.
        golden: Those with at least one reward; ``complete``: those with all.
        reward: Mean share of goals on the golden path, or on the best rollout.
        nodes, calls: Agent turns and model calls.
        prompt_tokens, completion_tokens: Sums over all calls.
    """

    trees: int
    faults: int
    golden: int
    complete: int
    reward: float
    nodes: int
    calls: int
    prompt_tokens: int
    completion_tokens: int


def summarise_search(name: str, trees: Iterable[Tree], max_faults: float) -> SearchSummary:
    """The summary of a search; logs it.

    Raises:
        OSError: the engine failed in too many of its dialogues.
    """
    found = summarise(trees)
    log.info("%s: %s", name, found)
    if found.faults > max_faults * found.trees:
        raise OSError(
            f"{name}: the engine failed in {found.faults} of {found.trees} dialogues; see its log, "
            "then run the same command again: finished work is kept"
        )
    return found


def summarise(trees: Iterable[Tree]) -> SearchSummary:
    """Count the trees of a search."""
    counts: dict[str, Any] = dict.fromkeys(SearchSummary.__dataclass_fields__, 0)
    for tree in trees:
        reward = tree.reward if tree.golden_leaf is not None else _best(tree)
        calls = [call for node in tree.nodes for call in node.calls]
        counts["trees"] += 1
        counts["faults"] += tree.error is not None
        counts["golden"] += reward > 0
        counts["complete"] += reward == 1
        counts["reward"] += reward
        counts["nodes"] += len(tree.nodes)
        counts["calls"] += len(calls)
        for field in ("prompt_tokens", "completion_tokens"):
            counts[field] += sum(getattr(call, field) for call in calls)
    counts["reward"] /= max(1, counts["trees"])
    return SearchSummary(**counts)


def _best(tree: Tree) -> float:
    """The reward of the best leaf: what a set of rollouts found."""
    found = max((len(tree.earned(leaf) & tree.goals) for leaf in tree.leaves), default=0)
    return found / max(1, len(tree.goals))
