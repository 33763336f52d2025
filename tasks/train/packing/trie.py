"""A trie over token ids: rows that share a beginning share its nodes.

The nodes stand in preorder: a node's descendants are the run right after it. So one number a node,
the end of that run, is the whole attention mask: node q sees node k if ``k <= q < end[k]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Row:
    """A row, or what of it the model has to read.

    Attributes:
        number: Number of the row in its batch.
        ids: Token ids up to its last trained token.
        trained: Positions of the trained tokens in `ids`, ascending, none of them 0: no model
            gives the first token of a text a probability.
    """

    number: int
    ids: Ints
    trained: Ints

    @property
    def read(self) -> Ints:
        """The tokens that the model reads: all but the last, after which nothing is trained."""
        return self.ids[:-1]


@dataclass(frozen=True, slots=True)
class Piece:
    """Trees in one sequence; N nodes, E trained edges, M trained tokens of all rows.

    A trained token is the edge from its parent to its own node. Rows share an edge as they share
    nodes. The last token of a row is an edge without a node, unless another row goes on from it.

    Attributes:
        ids: Token of each node, [N].
        depth: Depth of each node, [N]; its position in every row that it is of.
        end: One after the last descendant of each node, [N].
        parents: Node that each edge starts from, [E].
        labels: Token of each edge, [E].
        rows: Number of the row of each trained token, [M].
        positions: Position of each trained token in its row, [M].
        edges: Edge of each trained token, [M].
    """

    ids: Ints
    depth: Ints
    end: Ints
    parents: Ints
    labels: Ints
    rows: Ints
    positions: Ints
    edges: Ints

    def sees(self) -> NDArray[np.bool_]:
        """The attention mask, [N, N]: each node sees its ancestors and itself."""
        nodes = np.arange(len(self.ids))
        return (nodes[None] <= nodes[:, None]) & (nodes[:, None] < self.end[None])


def rows_of(ids: Ints, lengths: Ints, labels: Ints, ignored: int = -100) -> list[Row]:
    """The rows of a padded batch that train a token, as in :func:`sort`.

    Args:
        ids: Token ids, padded on the right, [R, T].
        lengths: Number of tokens of each row, [R].
        labels: `ids`, or `ignored` where nothing is trained, [R, T].
        ignored: Label of tokens that are not trained.
    """
    rows = []
    for number, (own, length, wanted) in enumerate(zip(ids, lengths, labels, strict=True)):
        trained = np.flatnonzero(wanted[1:length] != ignored) + 1
        if len(trained):
            rows.append(Row(number, own[: trained[-1] + 1], trained))
    return sort(rows)


def sort(rows: Sequence[Row]) -> list[Row]:
    """The rows in the order of their tokens, which is the preorder of their trie."""
    return sorted(rows, key=lambda row: row.read.astype(">u4").tobytes())


def shared(before: Row, after: Row) -> int:
    """Number of nodes that two rows share."""
    size = min(len(before.read), len(after.read))
    differ = np.flatnonzero(before.read[:size] != after.read[:size])
    return int(differ[0]) if len(differ) else size


def grow(rows: Sequence[Row]) -> Piece:
    """The trie of sorted rows."""
    ids, depth, ends, parents, labels = [], [], [], [], []
    path = np.empty(0, dtype=np.int64)
    size = 0
    for before, row in zip([None, *rows], rows, strict=False):
        common = shared(before, row) if before is not None else 0
        own = np.arange(size, size + len(row.read) - common)
        ends.append((path[common:], size))
        path = np.concatenate([path[:common], own])
        size += len(own)
        ids.append(row.read[common:])
        depth.append(np.arange(common, len(row.read)))
        parents.append(path[row.trained - 1])
        labels.append(row.ids[row.trained])
    ends.append((path, size))
    end = np.empty(size, dtype=np.int64)
    for nodes, value in ends:
        end[nodes] = value
    both, edges = np.unique(
        np.stack([np.concatenate(parents), np.concatenate(labels)]), axis=1, return_inverse=True
    )
    return Piece(
        ids=np.concatenate(ids),
        depth=np.concatenate(depth),
        end=end,
        parents=both[0],
        labels=both[1],
        rows=np.concatenate([np.full(len(row.trained), row.number) for row in rows]),
        positions=np.concatenate([row.trained for row in rows]),
        edges=edges.reshape(-1),
    )
