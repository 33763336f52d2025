"""The gate promotes on a gain that cannot be nothing, and on validation alone."""

from __future__ import annotations

import pytest

from tasks.gate import GateConfig, decide
from toolwoz.metrics import compare
from toolwoz.result import Result

CONFIG = GateConfig(candidate="trained", metric="success")


def run(successes):
    return [
        Result(f"s{number}", 0, ("search_hotel",), ("search_hotel",) if won else ())
        for number, won in enumerate(successes)
    ]


def comparisons(before, after, split="val"):
    return {"trained": {split: compare(run(before), run(after)).to_json()}}


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
    assert decide(CONFIG, comparisons([1] * 40, [0] * 40)).decision == "kept back"


def test_nothing_scored_is_kept_back():
    decision = decide(CONFIG, comparisons([], []))
    assert decision.decision == "kept back"
    assert "too few" in decision.reason


def test_a_gain_on_test_alone_decides_nothing():
    with pytest.raises(ValueError, match=r"trained was not compared on val"):
        decide(CONFIG, comparisons([0] * 40, [1] * 40, split="test"))


def test_an_unknown_candidate_is_named():
    with pytest.raises(ValueError, match=r"evaluate\.gate\.candidate: other .* trained"):
        decide(GateConfig("other", "reward"), comparisons([0], [1]))
