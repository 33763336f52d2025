"""Rows worked out by hand, and the hygiene of labels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandera.errors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from josh.advantages import node_advantages
from josh.config import JoshConfig
from josh.curation import clean, extract
from josh.extractors import EXTRACTORS, Row
from josh.gate import check_rows
from josh.messages import meaning
from josh.search import harvest
from josh.tree import Tree
from tests.josh.fakes import FakeEpisode, Luck, Script, call, say


def grown(moves: Mapping[str, Sequence[str]], goals: str = "a", **options: Any) -> Tree:
    episode = FakeEpisode(frozenset(goals))
    return asyncio.run(harvest("s", episode, Script(moves), JoshConfig(**options)))


def text(message: Mapping[str, Any]) -> str:
    """A message as its move in a script."""
    if not message.get("tool_calls"):
        return str(message["content"])
    goals = (json.loads(c["function"]["arguments"])["goal"] for c in message["tool_calls"])
    return "+" + "".join(goals) if message["tool_calls"][0]["function"]["name"] == "reach" else "!"


def told(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Rows as (length of the prompt, text, label or advantage or rejected text)."""
    return [
        (
            len(row["prompt"]),
            text((row.get("completion") or row["chosen"])[0]),
            row.get("label", row.get("advantage", row.get("rejected", [None])[0])),
        )
        for row in rows
    ]


def said(row: Row) -> list[str]:
    return [text(message) for message in row["messages"] if message["role"] == "assistant"]


# 0 loses; 1 wins a; of its children 1.1 wins b. Prompts: 2 messages, then 6 with the user's reply.
MOVES = {"0": ["+x", "sorry"], "1": ["+a", "got a"], "1.0": ["hm"], "1.1": ["+b", "got b"]}


def test_sft_is_the_golden_path_down_to_the_agents_last_word() -> None:
    (row,) = EXTRACTORS["sft"](grown(MOVES, "ab"))
    assert said(row) == ["+a", "got a", "+b", "got b"]
    assert [m["role"] for m in row["messages"]] == (
        ["system", "user"] + ["assistant", "tool", "assistant", "user"] * 2
    )[:-1]
    assert json.loads(row["tools"])[0]["function"]["name"] == "reach"
    assert (row["scenario"], row["node"]) == ("s", 3)


def test_sft_messages_is_one_assistant_message_a_row() -> None:
    rows = list(EXTRACTORS["sft_messages"](grown(MOVES, "ab")))
    assert told(rows) == [(2, "+a", None), (4, "got a", None), (6, "+b", None), (8, "got b", None)]
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
    for name in ("sft", "sft_messages", "kto", "kto_paired", "dpo"):
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
    tree = grown({"0.0": ["+a"]}, strategy="rollouts", beam=2, turns=2)
    assert node_advantages(tree) == [0.5, -0.5, 0.5, -0.5]


ROLLOUTS = {
    "0": ["+a", "one"],
    "1": ["+x", "+a", "+b"],
    "2": ["!", "+a", "+b"],
    "3": ["bye"],
    "4": ["<"],
}


def test_rollouts() -> None:
    tree = grown(ROLLOUTS, "ab", strategy="rollouts", beam=5, turns=1)
    assert [row["node"] for row in EXTRACTORS["sft"](tree)] == [1], "as good as 2, and no error"
    assert [row["node"] for row in EXTRACTORS["rejection_sampled"](tree)] == [1, 2]
    control = list(EXTRACTORS["unfiltered"](tree))
    assert [row["node"] for row in control] == [0, 1, 2, 3], "all but the one cut short"


def test_best_of_nothing_is_nothing() -> None:
    tree = grown({}, strategy="rollouts", beam=3, turns=1)
    assert list(EXTRACTORS["sft"](tree)) == []
    assert len(list(EXTRACTORS["unfiltered"](tree))) == 3


# Hygiene.


def test_a_text_that_is_good_and_bad_for_one_prompt_is_dropped() -> None:
    tree = grown({"0": ["+x", "+a", "ok"], "1": ["+x", "no"]})
    extraction = extract("kto", [tree])
    assert told(extraction.rows) == [(4, "+a", True), (6, "ok", True), (4, "no", False)]
    assert extraction.report.dropped == {"good and bad": 2}
    assert extraction.report.labels == {"bad": 1, "good": 2}


def test_and_so_across_trees_whatever_the_ids_of_its_calls() -> None:
    one, other = grown({"0": ["+x"], "1": ["+a"]}), grown({"0": ["+x", "+a"], "1": ["no"]})
    renamed = json.loads(other.to_bytes().replace(b"call_0", b"chatcmpl-7"))
    extraction = extract("kto", [one, Tree.from_json(renamed)])
    assert extraction.report.dropped["good and bad"] == 2
    assert "+x" not in [told_row[1] for told_row in told(extraction.rows)]


def test_doubles_are_dropped() -> None:
    tree = grown(MOVES, "ab")
    once, twice = extract("kto", [tree]), extract("kto", [tree, tree])
    assert twice.rows == once.rows
    assert twice.report.dropped == {"double": 7}


def test_a_refused_call_on_the_golden_path_is_not_taught() -> None:
    tree = grown({"0": ["!", "+a", "ok"], "1": ["!", "no"]})
    extraction = extract("kto_paired", [tree])
    assert told(extraction.rows) == [(4, "+a", True), (6, "ok", True), (4, "no", False)]
    assert extraction.report.dropped == {"refused call": 1}


def test_a_truncated_or_empty_message_is_not_taught() -> None:
    tree = grown({"0": ["+a", ""], "1": ["+x", "no"]})
    cut = json.loads(tree.to_bytes())
    cut["nodes"][1]["calls"][0]["finish_reason"] = "length"
    extraction = extract("kto", [Tree.from_json(cut)])
    assert told(extraction.rows) == [(2, "+a", True), (4, "no", False)]
    assert extraction.report.dropped == {"empty": 1, "truncated": 1}


def test_a_veto_has_the_last_word() -> None:
    def no_thanks(row: Row) -> str | None:
        return "claims a booking" if "got b" in text(row["completion"][0]) else None

    extraction = extract("sft_messages", [grown(MOVES, "ab")], veto=no_thanks)
    assert len(extraction.rows) == 3
    assert extraction.report.dropped == {"claims a booking": 1}


def test_an_unknown_extractor_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="ktoo"):
        extract("ktoo", [])


def test_the_report_counts() -> None:
    report = extract("kto", [grown(MOVES, "ab")]).report
    assert report.to_json()["rows"] == 7
    assert report.labels == {"bad": 3, "good": 4}
    assert (report.trees, report.scenarios) == (1, 1)
    spread = report.prompt_messages
    assert (spread.least, spread.median, spread.most) == (2.0, 4.0, 8.0)
    assert spread.p95 == pytest.approx(7.4)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), merge=st.booleans(), probation=st.integers(0, 2))
def test_laws_of_every_set(seed: int, merge: bool, probation: int) -> None:
    config = JoshConfig(turns=4, seed=seed, merge=merge, probation=probation, all_rewards=True)
    trees = [
        asyncio.run(harvest(f"s{number}", FakeEpisode(frozenset("abcd")), Luck(), config))
        for number in range(3)
    ]
    for name in EXTRACTORS:
        rows, report = extract(name, trees)
        raw = [row for tree in trees for row in EXTRACTORS[name](tree)]
        assert report.rows + sum(report.dropped.values()) == len(raw)
        assert clean([{**row, "flaw": None} for row in rows])[0] == rows, "clean is clean"
    labels: dict[Any, set[bool]] = {}
    for row in extract("kto", trees).rows:
        subject = (tuple(map(meaning, row["prompt"])), meaning(row["completion"][0]))
        labels.setdefault(subject, set()).add(row["label"])
    assert all(len(label) == 1 for label in labels.values())


# The gate.

GOOD = {
    "prompt": [{"role": "user", "content": "hi"}],
    "completion": [say("ho")],
    "label": True,
    "tools": "[]",
    "scenario": "s",
    "node": 0,
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt": []}, "a chat that waits for the assistant"),
        ({"prompt": [say("ho")]}, "a chat that waits for the assistant"),
        ({"completion": [say("ho"), say("hum")]}, "one assistant message that is not empty"),
        ({"completion": [say("")]}, "one assistant message that is not empty"),
        ({"completion": [{"role": "tool", "content": "x"}]}, "one assistant message"),
        ({"tools": "{"}, "a JSON list of tools"),
        ({"label": "yes"}, "label"),
        ({"node": -1}, "greater_than_or_equal_to"),
        ({"colour": "red"}, "column_in_schema"),
    ],
)
def test_the_gate_refuses(change: Row, says: str) -> None:
    check_rows([GOOD])
    with pytest.raises(pandera.errors.SchemaErrors, match=says):
        check_rows([GOOD, {**GOOD, **change}])


def test_the_gate_refuses_a_pair_of_equals() -> None:
    pair = {key: GOOD[key] for key in ("prompt", "tools", "scenario", "node")}
    check_rows([{**pair, "chosen": [call("a")], "rejected": [call("b")], "rejected_node": 1}])
    with pytest.raises(pandera.errors.SchemaErrors, match="chosen differs from rejected"):
        check_rows([{**pair, "chosen": [call("a")], "rejected": [call("a")], "rejected_node": 1}])
