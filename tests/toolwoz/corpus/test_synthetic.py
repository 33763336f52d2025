"""The synthetic corpus: its own city, its files, its proportions, and goals that can be kept."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwoz.corpus.synthetic import build_city, write_corpus
from toolwoz.corpus.synthetic.dialogues import matches, write_log
from toolwoz.corpus.synthetic.goals import sample_goal
from toolwoz.corpus.synthetic.sentences import message
from toolwoz.world.domains import ENTITY_KEY

CITY = build_city(0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic")
    write_corpus(out, seed=3, train=30, val=4, test=5)
    return out


def goals(count: int) -> list[dict[str, Any]]:
    return [sample_goal(CITY, Random(i)) for i in range(count)]


def test_the_files_are_those_of_multiwoz(corpus: Path) -> None:
    data = json.loads((corpus / "data.json").read_text())
    val = (corpus / "valListFile.txt").read_text().split()
    test = (corpus / "testListFile.txt").read_text().split()
    assert (len(data), len(val), len(test)) == (39, 4, 5)
    assert {*val, *test} < set(data)
    assert not list(corpus.glob("*.part"))
    for dialogue in data.values():
        assert len(dialogue["log"]) % 2 == 0
        assert all(turn["metadata"] for turn in dialogue["log"][1::2])
        assert not any(turn["metadata"] for turn in dialogue["log"][::2])


def test_one_seed_is_one_corpus_and_a_larger_one_contains_it(corpus: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=3, train=40, val=4, test=5)
    small = json.loads((corpus / "data.json").read_text())
    large = json.loads((tmp_path / "data.json").read_text())
    assert small.items() <= large.items()
    for name in ("restaurant_db.json", "train_db.json", "testListFile.txt"):
        assert (corpus / name).read_bytes() == (tmp_path / name).read_bytes()


def test_another_seed_is_another_city() -> None:
    def names(seed: int) -> set[str]:
        databases = build_city(seed).databases
        return {row[key] for domain, key in ENTITY_KEY.items() for row in databases[domain]}

    named = {name for name in names(0) if not name.startswith("TR")}
    assert len(named) == 213
    assert len(named & names(1)) < 10


def test_databases_have_the_sizes_of_the_real_ones() -> None:
    sizes = {domain: len(rows) for domain, rows in CITY.databases.items()}
    assert sizes == {"restaurant": 100, "hotel": 33, "attraction": 80, "train": 2800}
    assert len({row["trainID"] for row in CITY.databases["train"]}) == 2800
    assert all(r["leaveAt"] < r["arriveBy"] < "24:00" for r in CITY.databases["train"])


@given(st.integers())
@settings(max_examples=200)
def test_every_goal_can_be_kept_and_every_first_try_fails(seed: int) -> None:
    for domain, part in sample_goal(CITY, Random(seed)).items():
        assert matches(CITY, domain, part["info"])
        assert not (part["fail_info"] and matches(CITY, domain, part["fail_info"]))
        for slot, value in part.get("fail_book", {}).items():
            assert part["book"][slot] != value


@given(st.integers())
def test_the_dialogue_books_what_its_goal_wants(seed: int) -> None:
    goal = sample_goal(CITY, Random(seed))
    belief = write_log(CITY, goal, Random(seed))[-1]["metadata"]
    for domain, part in goal.items():
        key = ENTITY_KEY[domain]
        booked = [entity[key] for entity in belief[domain]["book"]["booked"]]
        allowed = {row[key] for row in matches(CITY, domain, part["info"])}
        assert len(booked) == ("book" in part)
        assert set(booked) <= allowed


@given(st.integers())
def test_the_goal_text_says_every_value(seed: int) -> None:
    goal = sample_goal(CITY, Random(seed))
    text = " ".join(message(goal, CITY.name))
    for part in goal.values():
        values = {**part["info"], **part["fail_info"], **part.get("book", {})}
        assert all(v in text for v in values.values() if v not in (True, False, "yes", "no"))


def test_proportions_are_those_of_the_real_corpus() -> None:
    drawn = goals(1500)
    calls = Counter(sum(1 + ("book" in part) for part in goal.values()) for goal in drawn)
    real = {1: 1346, 2: 2635, 3: 2780, 4: 1088}
    for number, count in real.items():
        assert calls[number] / len(drawn) == pytest.approx(count / 7849, abs=0.04)
    fails = {"restaurant": 0.292, "hotel": 0.340, "attraction": 0.344, "train": 0.0}
    for domain, share in fails.items():
        parts = [goal[domain] for goal in drawn if domain in goal]
        assert sum(bool(p["fail_info"]) for p in parts) / len(parts) == pytest.approx(
            share, abs=0.06
        )
