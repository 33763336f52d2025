"""Rows worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

from josh.rows.advantages import node_advantages
from josh.rows.curation import extract
from josh.rows.extractors import EXTRACTORS
from josh.search.config import RolloutsConfig
from tests.helpers.grown import MOVES, grown, played, said, text, told


def test_sft_is_the_golden_path_down_to_the_agents_last_word() -> None:
    (row,) = EXTRACTORS["sft"](grown(MOVES, "ab"))
    assert said(row) == ["+a", "got a", "+b", "got b"]
    assert [m["role"] for m in row["messages"]] == (
        ["system", "user"] + ["assistant", "tool", "assistant", "user"] * 2
    )[:-1]
    assert json.loads(row["tools"])[0]["function"]["name"] == "reach"
    assert (row["scenario"], row["node"]) == ("s", 3)


def test_a_row_is_one_assistant_message_after_all_that_stood_before_it() -> None:
    rows = [row for row in EXTRACTORS["kto"](grown(MOVES, "ab")) if row["label"]]
    assert [row["node"] for row in rows] == [1, 1, 3, 3]
    assert all(len(row["completion"]) == 1 for row in rows)
    assert rows[2]["prompt"][-1] == {"role": "user", "content": "go on 1"}


def test_kto() -> None:
    good = [(2, "+a", True), (4, "got a", True), (6, "+b", True), (8, "got b", True)]
    bad = [(2, "+x", False), (4, "sorry", False), (6, "hm", False)]
    assert told(list(EXTRACTORS["kto"](grown(MOVES, "ab")))) == good + bad


def test_kto_paired_keeps_the_bad_where_the_prompt_has_a_good_one() -> None:
    labels = told(list(EXTRACTORS["kto_paired"](grown(MOVES, "ab"))))
    assert [row for row in labels if not row[2]] == [(2, "+x", False), (6, "hm", False)]


def test_dpo_is_paired_at_the_first_divergence() -> None:
    rows = list(EXTRACTORS["dpo"](grown(MOVES, "ab")))
    assert [(n, chosen, text(rejected)) for n, chosen, rejected in told(rows)] == [
        (2, "+a", "+x"),
        (6, "+b", "hm"),
    ]
    assert [(row["node"], row["rejected_node"]) for row in rows] == [(1, 0), (3, 2)]


def test_dpo_diverges_within_a_turn_where_the_turns_begin_alike() -> None:
    tree = grown({"0": ["+x", "+a"], "1": ["+x", "no"]})
    ((length, chosen, rejected),) = told(list(EXTRACTORS["dpo"](tree)))
    assert (length, chosen, text(rejected)) == (4, "+a", "no")


def test_dpo_diverges_below_where_the_siblings_were_alike() -> None:
    tree = grown({"0.1": ["+a"], "1.0": ["no"], "1.1": ["never"]})
    pairs = [(n, good, text(bad)) for n, good, bad in told(list(EXTRACTORS["dpo"](tree)))]
    assert pairs == [(4, "+a", "hm"), (4, "+a", "no"), (4, "+a", "never")]


def test_dpo_calls_leaves_out_speech_against_speech() -> None:
    moves = {"0": ["hello"], "1": ["good day"], "1.0": ["+a"], "1.1": ["hm"]}
    assert len(list(EXTRACTORS["dpo"](grown(moves)))) == 2
    ((_, chosen, rejected),) = told(list(EXTRACTORS["dpo_calls"](grown(moves))))
    assert (chosen, text(rejected)) == ("+a", "hm")


def test_nothing_won_nothing_labelled() -> None:
    tree = grown({"0": ["+x"], "1": ["!"]}, turns=2)
    for name in ("sft", "kto", "kto_paired", "dpo"):
        assert list(EXTRACTORS[name](tree)) == []


def test_what_came_after_the_last_reward_is_not_labelled() -> None:
    tree = grown({"0": ["+a"]}, "ab", turns=3)
    assert len(tree.nodes) == 8
    assert {row["node"] for row in EXTRACTORS["kto"](tree)} == {0, 1}


def test_a_fault_gives_no_rows_at_all() -> None:
    tree = replace(grown(MOVES, "ab"), error="engine on fire")
    for name, extractor in EXTRACTORS.items():
        assert list(extractor(tree)) == [], name
    report = extract("kto", [tree, grown(MOVES, "ab")]).report
    assert (report.trees, report.faulted) == (2, 1)


def test_a_full_context_is_not_held_against_a_branch() -> None:
    tree = grown({"0": ["+x", "<"], "1": ["+a"]})
    assert not any(row["label"] is False for row in EXTRACTORS["kto"](tree))
    assert [row for row in EXTRACTORS["steps"](tree) if row["node"] == 0] == []


def test_steps_carry_the_advantage_of_their_node() -> None:
    tree = grown(MOVES, "ab")
    # Worth: 1.0 nothing, 1.1 a half, so 1 a half and the mean below it; 0 nothing.
    assert node_advantages(tree) == [-0.375, 0.375, -0.25, 0.25]
    rows = told(list(EXTRACTORS["steps"](tree)))
    assert (2, "+x", -0.375) in rows
    assert (8, "got b", 0.25) in rows
    assert len(rows) == 7


def test_a_node_without_siblings_carries_the_advantage_of_its_parent() -> None:
    tree = played({"0.0": ["+a"]}, "a", RolloutsConfig(beam=2, turns=2))
    assert node_advantages(tree) == [0.5, -0.5, 0.5, -0.5]


ROLLOUTS = {
    "0": ["+a", "one"],
    "1": ["+x", "+a", "+b"],
    "2": ["!", "+a", "+b"],
    "3": ["bye"],
    "4": ["<"],
}


def test_rollouts() -> None:
    tree = played(ROLLOUTS, "ab", RolloutsConfig(beam=5, turns=1))
    assert [row["node"] for row in EXTRACTORS["sft"](tree)] == [1], "as good as 2, and no error"
    assert [row["node"] for row in EXTRACTORS["rejection_sampled"](tree)] == [1, 2]
    control = list(EXTRACTORS["unfiltered"](tree))
    assert [row["node"] for row in control] == [0, 1, 2, 3], "all but the one cut short"


def test_best_of_nothing_is_nothing() -> None:
    tree = played({}, "a", RolloutsConfig(beam=3, turns=1))
    assert list(EXTRACTORS["sft"](tree)) == []
    assert len(list(EXTRACTORS["unfiltered"](tree))) == 3
