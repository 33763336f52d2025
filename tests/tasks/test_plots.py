"""The tables that `dvc plots` draws."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from josh.node import Call, Node
from josh.tree import Tree
from tasks.plots import lengths, policies, search, table


def node(parent: int | None, tokens: int, *earned: str) -> Node:
    return Node(parent, (), frozenset(earned), (Call(0, completion_tokens=tokens),))


def tree(*nodes: Node) -> Tree:
    return Tree("s", frozenset({"a", "b"}), (), (), nodes)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_turn_counts_every_branch_s_tokens_and_the_best_branch_s_reward() -> None:
    forked = tree(node(None, 10), node(None, 20, "a"), node(1, 5), node(1, 7, "b"), node(3, 1))
    assert list(search.profile(forked)) == [(0, 0), (30, 0.5), (42, 1), (43, 1)]


def test_goals_of_different_branches_do_not_add_up() -> None:
    apart = tree(node(None, 1, "a"), node(None, 1, "b"))
    assert list(search.profile(apart))[-1] == (2, 0.5)


def test_a_dialogue_that_is_over_stays_in_the_mean_of_later_turns() -> None:
    short, long = tree(node(None, 10, "a", "b")), tree(node(None, 20), node(0, 30))
    assert search.curve([short, long]) == [(0, 0, 0), (1, 15, 0.5), (2, 30, 0.5)]


def test_nothing_harvested_is_a_curve_without_points(tmp_path: Path) -> None:
    search.write(tmp_path / "search.csv", {"josh": []})
    assert rows(tmp_path / "search.csv") == []


def test_the_shares_of_a_set_add_up_to_one(tmp_path: Path) -> None:
    lengths.write(tmp_path / "lengths.csv", {"sft": [1, 500, 900], "kto": [40] * 7, "none": []})
    found = rows(tmp_path / "lengths.csv")
    for name in ("sft", "kto"):
        shares = [float(row["share"]) for row in found if row["set"] == name]
        assert sum(shares) == pytest.approx(1, abs=0.001)
    assert {row["set"] for row in found} == {"sft", "kto"}


def test_sets_that_grew_a_little_keep_their_bins() -> None:
    assert lengths.bin_width(range(1000)) == lengths.bin_width(range(1150)) == 64


def estimate(value: float | None) -> dict[str, float | None]:
    return dict.fromkeys(("value", "low", "high"), value)


def test_what_was_not_measured_is_empty_not_zero(tmp_path: Path) -> None:
    figures = {"reward": estimate(0.25), "success": estimate(None)}
    gain = {name: {"estimate": one, "detectable": None} for name, one in figures.items()}
    record = {"arms": {"base": {"test": figures}}, "comparisons": {"kto": {"test": gain}}}
    policies.write(tmp_path, record)
    assert [row["value"] for row in rows(tmp_path / "policies.csv")] == ["0.25", ""]
    assert [row["policy"] for row in rows(tmp_path / "gains.csv")] == ["kto", "kto"]


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table.write(path, ["a"], [{"a": 1}])
    with pytest.raises(ValueError, match="b"):
        table.write(path, ["a"], [{"a": 2}, {"b": 3}])
    assert rows(path) == [{"a": "1"}]
