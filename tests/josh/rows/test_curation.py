"""The hygiene of labels: what is dropped, and counted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.messages import is_silent, meaning
from josh.rows.curation import clean, extract
from josh.rows.extractors import EXTRACTORS, Row
from josh.search.config import JoshConfig, RolloutsConfig
from josh.search.search import explore
from josh.tree.tree_json import from_json, to_bytes
from tests.helpers.fakes import FakeEpisode, Luck
from tests.helpers.grown import MOVES, grown, played, text, told

_TAUGHT = ("messages", "completion", "chosen", "rejected")


def test_a_text_that_is_good_and_bad_for_one_prompt_is_dropped() -> None:
    tree = grown({"0": ["+x", "+a", "ok"], "1": ["+x", "no"]})
    extraction = extract("kto", [tree])
    assert told(extraction.rows) == [(4, "+a", True), (6, "ok", True), (4, "no", False)]
    assert extraction.report.dropped == {"good and bad": 2}
    assert extraction.report.labels == {"bad": 1, "good": 2}


def test_and_so_across_trees_whatever_the_ids_of_its_calls() -> None:
    one, other = grown({"0": ["+x"], "1": ["+a"]}), grown({"0": ["+x", "+a"], "1": ["no"]})
    renamed = json.loads(to_bytes(other).replace(b"call_0", b"chatcmpl-7"))
    extraction = extract("kto", [one, from_json(renamed)])
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
    cut = json.loads(to_bytes(tree))
    cut["nodes"][1]["calls"][0]["finish_reason"] = "length"
    extraction = extract("kto", [from_json(cut)])
    assert told(extraction.rows) == [(2, "+a", True), (4, "no", False)]
    assert extraction.report.dropped == {"empty": 1, "truncated": 1}


@pytest.mark.parametrize("silence", ["", "  "])
@pytest.mark.parametrize("name", EXTRACTORS)
def test_no_extractor_teaches_silence(name: str, silence: str) -> None:
    searched = grown({"0": ["+a", silence], "1": [silence]})
    for tree in (searched, played({"0": ["+a", silence]}, "a", RolloutsConfig(beam=2, turns=1))):
        rows, report = extract(name, [tree])
        columns = [row[key] for row in rows for key in _TAUGHT if key in row]
        taught = [message for messages in columns for message in messages]
        assert not any(m["role"] == "assistant" and is_silent(m) for m in taught)
        raw = list(EXTRACTORS[name](tree))
        assert len(raw) - len(rows) == sum(report.dropped.values())
        if name in ("sft", "kto", "rejection_sampled", "unfiltered") and raw:
            assert report.dropped["empty"] >= 1


def test_a_veto_has_the_last_word() -> None:
    def no_thanks(row: Row) -> str | None:
        return "claims a booking" if "got b" in text(row["completion"][0]) else None

    extraction = extract("kto", [grown(MOVES, "ab")], veto=no_thanks)
    assert len(extraction.rows) == 6
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
@given(seed=st.integers(0, 10**6), refill=st.booleans())
def test_laws_of_every_set(seed: int, refill: bool) -> None:
    config = JoshConfig(turns=4, seed=seed, refill=refill, all_rewards=True)
    trees = [
        asyncio.run(explore(f"s{number}", FakeEpisode(frozenset("abcd")), Luck(), config))
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
