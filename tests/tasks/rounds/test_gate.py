"""The gate promotes on a gain that cannot be nothing, and on validation alone."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from dialogue.protocols import Completion
from dialogue.tool_text import assistant
from tasks.benchmarks.runs.runner import run as play
from tasks.benchmarks.scores import comparison
from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.shape import Benchmark, Item, Score, SingleTurn
from tasks.rounds.gate import decide, fell, read_benchmarks
from tasks.rounds.sequence import GateConfig
from tests.helpers.outcomes import comparisons

CONFIG = GateConfig(candidate="trained", metric="success")


def test_a_clear_gain_is_promoted():
    decision = decide(CONFIG, comparisons([0] * 40, [1] * 30 + [0] * 10))
    assert decision.decision == "promoted"
    assert "+0.750" in decision.reason


def test_no_gain_is_kept_back():
    decision = decide(CONFIG, comparisons([0, 1] * 20, [1, 0] * 20))
    assert decision.decision == "kept back"
    assert "does not exclude zero" in decision.reason


def test_four_wins_of_a_hundred_may_be_luck():
    decision = decide(CONFIG, comparisons([0] * 100, [1] * 4 + [0] * 96))
    assert decision.decision == "kept back"
    assert "McNemar p = 0.12: too few scenarios changed" in decision.reason


def test_a_loss_is_kept_back():
    decision = decide(CONFIG, comparisons([1] * 40, [0] * 40))
    assert decision.decision == "kept back"
    assert decision.reason.endswith("is a loss")


def test_nothing_scored_is_kept_back():
    decision = decide(CONFIG, comparisons([], []))
    assert decision.decision == "kept back"
    assert "too few" in decision.reason


@pytest.mark.parametrize("share", [1.0, 0.3, 0.1], ids="{:.0%} of the lost fault".format)
def test_of_equal_policies_whose_lost_dialogues_fault_none_is_promoted(share):
    """An engine that fails where the policy loses, as in long dialogues, makes no gain."""
    rng = random.Random(0)
    for _ in range(60):
        before, after = ([rng.random() < 0.4 for _ in range(100)] for _ in range(2))
        faulty = [None if not won and rng.random() < share else won for won in after]
        decision = decide(CONFIG, comparisons(before, faulty))
        assert decision.decision == "kept back"
        missing = f"{faulty.count(None)} of 100 val pairs lack a score"
        assert missing in decision.reason or not faulty.count(None)


@pytest.mark.parametrize(
    ("before", "after", "decided"),
    [
        ([0] * 100, [None] * 2 + [1] * 98, "promoted"),
        ([0] * 100, [None] * 3 + [1] * 97, "kept back"),
        ([None] * 3 + [0] * 97, [1] * 100, "kept back"),
        ([None] * 2 + [0] * 98, [1] * 98 + [None] * 2, "kept back"),
        ([0] * 100, [1] * 98, "promoted"),  # pairs that only one side has are missing, too
        ([0] * 97, [1] * 100, "kept back"),
    ],
)
def test_the_gate_counts_the_missing_of_both_sides_and_names_them(before, after, decided):
    decision = decide(CONFIG, comparisons(before, after))
    assert decision.decision == decided
    assert " of 100 val pairs lack a score on either side" in decision.reason


def test_a_gain_on_test_alone_decides_nothing():
    with pytest.raises(ValueError, match=r"trained was not compared on val"):
        decide(CONFIG, comparisons([0] * 40, [1] * 40, split="test"))


def test_an_unknown_candidate_is_named():
    with pytest.raises(ValueError, match=r"gate\.candidate: other .* trained"):
        decide(GateConfig("other", "reward"), comparisons([0], [1]))


def test_the_test_split_changes_nothing():
    won, lost = [0] * 40, [1] * 30 + [0] * 10
    val = comparisons(won, lost)["trained"]
    for before, after in (([0] * 40, [1] * 40), ([1] * 40, [0] * 40), ([], [])):
        both = {"trained": {**val, **comparisons(before, after, "test")["trained"]}}
        assert decide(CONFIG, both) == decide(CONFIG, {"trained": val})


GAIN = comparisons([0] * 40, [1] * 30 + [0] * 10)
MARGIN = replace(CONFIG, margins={"bfcl": 0.05})


def scored(scores):
    return [
        Scored(str(n), "all", (), score=score, error=None if score is not None else "Died: now")
        for n, score in enumerate(scores)
    ]


def fall(before, after):
    return comparison.compare(scored(before), scored(after))


def test_a_benchmark_that_held_lets_the_candidate_pass():
    same = fall([1, 0] * 100, [1, 0] * 100)
    decision = decide(MARGIN, GAIN, {"bfcl": same})
    assert decision.decision == "promoted"
    assert "bfcl +0.000, margin 0.05, lower bound +0.000: not worse" in decision.reason


def test_a_benchmark_that_fell_keeps_the_candidate_back():
    worse = fall([1] * 200, [0] * 20 + [1] * 180)
    decision = decide(MARGIN, GAIN, {"bfcl": worse})
    assert decision.decision == "kept back"
    assert "cannot be ruled out" in decision.reason


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ([1] * 20, [1] * 20, "20 items are too few"),
        ([1] * 200, [None] * 20 + [1] * 180, "20 of 200 items are unscored"),
        # a fall of 3 points may be one of 5: the interval decides, not the estimate
        ([1] * 200, [0] * 6 + [1] * 194, "cannot be ruled out"),
    ],
)
def test_what_was_not_shown_is_not_passed(before, after, why):
    fallen, words = fell("bfcl", fall(before, after), 0.05)
    assert fallen
    assert why in words


def test_a_fall_by_the_margin_hardly_ever_passes():
    import numpy as np

    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(100):
        before = (rng.random(300) < 0.6).astype(float)
        after = np.where((before == 1) & (rng.random(300) < 0.05 / 0.6), 0.0, before)
        passed += not fell("bfcl", fall(before, after), 0.05)[0]
    assert passed <= 7


def test_a_margin_without_its_benchmark_is_an_error():
    with pytest.raises(ValueError, match=r"has bfcl, not run on trained"):
        decide(MARGIN, GAIN, {})


def bench(items):
    quiz = [Item(str(n), "all", ({"role": "user", "content": "?"},)) for n in range(items)]
    return Benchmark("quiz", quiz, SingleTurn(lambda _i, _m: Score(1.0), lambda _i: assistant("")))


async def answer(_messages, _tools, **_):
    return Completion(assistant("yes"))


def fill(folder, name, items=80, seed=0):
    quiz = bench(items)
    out = folder / name / "quiz"
    config = {"model": name}
    asyncio.run(
        play(quiz, quiz.items, answer, concurrency=4, seed=seed, out=out, configuration=config)
    )


POLICIES = ("base", "trained")
QUIZ = replace(CONFIG, margins={"quiz": 0.05})


def test_the_folders_of_benchmarks_are_read(tmp_path):
    fill(tmp_path, "base")
    with pytest.raises(ValueError, match="has quiz, which was not run on trained: add it to"):
        read_benchmarks(QUIZ, tmp_path, POLICIES)
    fill(tmp_path, "trained")
    assert read_benchmarks(QUIZ, tmp_path, POLICIES)["quiz"].items == 80


@pytest.mark.parametrize(
    ("other", "why"), [({"items": 70}, "10 items were asked"), ({"seed": 1}, "differ in seed")]
)
def test_runs_that_are_not_alike_are_refused(tmp_path, other, why):
    fill(tmp_path, "base")
    fill(tmp_path, "trained", **other)
    with pytest.raises(ValueError, match=why):
        read_benchmarks(QUIZ, tmp_path, POLICIES)
