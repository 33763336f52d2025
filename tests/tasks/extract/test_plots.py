"""The tables that `dvc plots` draws."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from josh.tree.node import Call, Node
from josh.tree.tree import Tree
from services import plot_table
from tasks.compare import plots
from tasks.extract import plot_lengths as lengths
from tasks.extract import plot_search as search


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
    arms = {"base": {"test": figures}}
    record = {"arms": arms, "comparisons": {"kto": {"test": gain}}, "rounds": {}}
    plots.write(tmp_path, record)
    assert [row["value"] for row in rows(tmp_path / "policies.csv")] == ["0.25", ""]
    assert [row["policy"] for row in rows(tmp_path / "gains.csv")] == ["kto", "kto"]


def test_a_round_leaves_what_its_gate_promoted_or_what_was_there() -> None:
    def at(reward: float) -> dict[str, dict[str, dict[str, float | None]]]:
        return {"test": {"reward": estimate(reward), "success": estimate(0)}}

    kept, promoted = ({"candidate": "kto", "decision": it} for it in ("kept back", "promoted"))
    record = {
        "arms": {"base": at(0.2), "r1/kto": at(0.1), "r2/kto": at(0.4)},
        "rounds": {"r1": kept, "r2": promoted, "r3": {"stopped": "at r2"}},
    }
    found = [(row["round"], row["policy"], row["reward"]) for row in plots.rounds(record)]
    assert found == [(0, "base", 0.2), (1, "base", 0.2), (2, "r2/kto", 0.4)]


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    plot_table.write(path, ["a"], [{"a": 1}])
    with pytest.raises(ValueError, match="b"):
        plot_table.write(path, ["a"], [{"a": 2}, {"b": 3}])
    assert rows(path) == [{"a": "1"}]


def columns_of(plot: str) -> tuple[str, ...]:
    own = {
        "search.csv": search.COLUMNS,
        "lengths.csv": lengths.COLUMNS,
        "rounds.csv": plots.ROUNDS,
    }
    return own.get(Path(plot).name, (*plots.COLUMNS, "detectable"))


def test_every_plot_draws_columns_that_its_stage_writes() -> None:
    root = Path(__file__).parents[3]
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"].values()
    plots = [one for stage in stages for one in stage.get("do", stage).get("plots", ())]
    assert len(plots) >= 4
    for path, how in (item for plot in plots for item in plot.items()):
        template = root / ".dvc/plots" / f"{how['template']}.json"
        own = fields(json.loads(template.read_text())) if template.exists() else {how["template"]}
        drawn = {how["x"], how["y"], *own}
        assert drawn <= {*columns_of(path), "rev", "simple"}, path
        assert how["title"]


def fields(spec: object) -> set[str]:
    """The columns that a template names itself; DVC fills in the others, and `rev`."""
    if isinstance(spec, list):
        return set().union(*map(fields, spec))
    if not isinstance(spec, dict):
        return set()
    own = {spec["field"]} if isinstance(spec.get("field"), str) else set()
    return {name for name in own if not name.startswith("<")}.union(*map(fields, spec.values()))
