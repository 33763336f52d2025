"""Cuts of sorted rows into pieces that a model can hold, where they cost least.

A piece repeats the path from the root to its first row; all else stands in one piece only. Small
trees share a piece, as long as what their tokens cost in attention, where they see nothing of one
another, is less than a pass of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.train.packing.trie import Piece, Row, grow, shared

PASS = 48.0
"""Tokens that a pass through the model costs in itself (measured with 4 M weights on 2 cores)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a pass, counted in tokens that attend to nothing.

    Attributes:
        knee: Number of tokens in a sequence at which attention, with a mask that no kernel can
            skip parts of, costs as much as all else.
    """

    knee: float

    def __call__(self, tokens: int, texts: int = 1) -> float:
        """The cost of a pass of texts of so many tokens each, padding included."""
        return texts * (tokens + tokens**2 / self.knee) + PASS


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows in pieces.

    Attributes:
        groups: Rows of each piece, sorted.
        tokens: Number of nodes of all pieces.
        cost: Cost of a pass of each piece.
    """

    groups: Sequence[Sequence[Row]]
    tokens: int
    cost: float

    def pieces(self) -> list[Piece]:
        return [grow(group) for group in self.groups]


def cut(rows: Sequence[Row], budget: int, cost: Cost) -> Plan:
    """The cheapest cut of sorted rows into pieces of at most `budget` nodes.

    A row that is longer than the budget is a piece by itself, as each token needs all before it.
    """
    common = [0, *(shared(a, b) for a, b in pairwise(rows))]
    # best[i]: cost of the first i rows, start of their last piece, nodes of all their pieces
    best: list[tuple[float, int, int]] = [(0.0, 0, 0)]
    for stop in range(1, len(rows) + 1):
        size, found = 0, (float("inf"), 0, 0)
        for start in range(stop - 1, -1, -1):
            size += len(rows[start].read) - (common[start + 1] if start + 1 < stop else 0)
            if size > budget and start < stop - 1:
                break
            before, _, nodes = best[start]
            found = min(found, (before + cost(size), start, nodes + size))
        best.append(found)
    groups, stop = [], len(rows)
    while stop:
        start = best[stop][1]
        groups.append(rows[start:stop])
        stop = start
    return Plan(groups[::-1], best[-1][2], best[-1][0])
