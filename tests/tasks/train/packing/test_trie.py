"""A trie has each distinct token once, and gives every row back, however it is cut."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.train.packing.cuts import Cost, cut
from tasks.train.packing.trie import Row, grow, shared, sort
from tests.helpers.branching import branching, masks

COST = Cost(knee=200.0)


@st.composite
def sets(draw):
    """Sorted rows of chance trees."""
    chance = random.Random(draw(st.integers(0, 10_000)))
    texts = branching(chance, draw(st.integers(1, 12)), draw(st.sampled_from([3, 50])), 16)
    trained = masks(chance, texts)
    kept = [(text, own) for text, own in zip(texts, trained, strict=True) if len(own)]
    rows = [Row(i, text[: own[-1] + 1], own) for i, (text, own) in enumerate(kept)]
    return sort(rows)


def distinct(rows) -> int:
    return len({tuple(row.read[: end + 1]) for row in rows for end in range(len(row.read))})


def paths(piece):
    """The nodes that each node sees, by the mask."""
    return [np.flatnonzero(seen) for seen in piece.sees()]


@given(sets())
def test_each_distinct_token_is_one_node_at_its_depth(rows):
    if not rows:
        return
    piece = grow(rows)
    assert len(piece.ids) == distinct(rows)
    for node, path in enumerate(paths(piece)):
        assert path[-1] == node
        assert list(piece.depth[path]) == list(range(len(path)))


@given(sets(), st.integers(4, 80))
def test_every_trained_token_has_its_row_for_ancestors(rows, budget):
    by_number = {row.number: row for row in rows}
    found = set()
    for piece in cut(rows, budget, COST).pieces():
        seen = paths(piece)
        for number, position, edge in zip(piece.rows, piece.positions, piece.edges, strict=True):
            row = by_number[number]
            parent = piece.parents[edge]
            assert list(piece.ids[seen[parent]]) == list(row.ids[:position])
            assert piece.labels[edge] == row.ids[position]
            assert (number, position) not in found
            found.add((number, position))
    assert found == {(row.number, i) for row in rows for i in row.trained}


@given(sets(), st.integers(4, 80))
def test_pieces_keep_to_the_budget_and_say_what_they_cost(rows, budget):
    plan = cut(rows, budget, COST)
    sizes = [len(piece.ids) for piece in plan.pieces()]
    assert plan.tokens == sum(sizes)
    assert plan.cost == pytest.approx(sum(map(COST, sizes)))
    for size, group in zip(sizes, plan.groups, strict=True):
        assert size <= budget or len(group) == 1


@given(sets(), st.integers(4, 80))
def test_no_cut_into_runs_costs_less(rows, budget):
    rows = rows[:7]
    costs = [float("inf")]
    for cuts in range(2 ** max(0, len(rows) - 1)):
        groups: list[list[Row]] = []
        for i, row in enumerate(rows):
            if i == 0 or cuts >> (i - 1) & 1:
                groups.append([])
            groups[-1].append(row)
        sizes = [distinct(group) for group in groups]
        if all(s <= budget or len(g) == 1 for s, g in zip(sizes, groups, strict=True)):
            costs.append(sum(map(COST, sizes)))
    assert cut(rows, budget, COST).cost == pytest.approx(min(costs)) or not rows


@given(sets())
def test_sorted_neighbours_share_as_much_as_any_two(rows):
    for i, row in enumerate(rows[1:], 1):
        assert shared(rows[i - 1], row) == max(shared(other, row) for other in rows[:i])


def test_twice_the_branches_cost_the_branches_alone():
    stem = np.arange(1, 1001)

    def rows(branches):
        ends = [np.array([2000 + i, 3000 + i, 4000 + i]) for i in range(branches)]
        texts = [np.concatenate([stem, end]) for end in ends]
        return sort([Row(i, text, np.arange(1000, 1003)) for i, text in enumerate(texts)])

    sizes = [len(grow(rows(branches)).ids) for branches in (1, 2, 4, 8)]
    assert sizes == [1000 + 2 * branches for branches in (1, 2, 4, 8)]
