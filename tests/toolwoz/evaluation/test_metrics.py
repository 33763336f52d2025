"""Figures checked against ones worked out by hand or known from the literature."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwoz.evaluation.metrics import compare, summarise
from toolwoz.evaluation.runs.result import Result

GOALS = ("search_hotel", "book_hotel")


def result(scenario: str, earned: int = 2, trial: int = 0, error: str | None = None) -> Result:
    return Result(scenario, trial, GOALS, GOALS[:earned], error=error)


def run(*successes: bool) -> list[Result]:
    return [result(f"s{i}", 2 * success) for i, success in enumerate(successes)]


def test_average_reward_and_success() -> None:
    metrics = summarise([result("a", 2), result("b", 1), result("c", 0), result("d", 1)])
    assert (metrics.reward.value, metrics.success.value) == (0.5, 0.25)
    assert metrics.reward.low < 0.5 < metrics.reward.high


def test_success_has_wilsons_interval() -> None:
    success = summarise(run(*[True] * 9, False)).success
    # By hand: (p + z²/2n ± z√(p(1-p)/n + z²/4n²)) / (1 + z²/n), p = 0.9, n = 10, z = 1.96.
    assert (success.low, success.high) == pytest.approx((0.5958, 0.9821), abs=1e-4)


def test_a_perfect_run_still_leaves_room_for_doubt() -> None:
    success = summarise(run(*[True] * 20)).success
    assert (success.value, success.high) == (1.0, 1.0)
    assert success.low == pytest.approx(20 / (20 + 1.96**2), abs=1e-3)


def test_unscored_dialogues_are_counted_and_change_nothing_else() -> None:
    metrics = summarise([*run(True, False), result("x", 0, error="ConnectError: refused")])
    assert (metrics.unscored, metrics.dialogues) == (1, 2)
    assert metrics.success == summarise(run(True, False)).success


def test_nothing_scored_is_unknown_not_zero() -> None:
    metrics = summarise([result("x", 0, error="ConnectError: refused")])
    assert math.isnan(metrics.reward.value)
    assert math.isnan(metrics.turns)
    assert json.loads(json.dumps(metrics.to_json(), allow_nan=False))["reward"]["value"] is None


def test_pass_hat_k_and_pass_at_k() -> None:
    one_of_two = [result("a", 2, 0), result("a", 0, 1)]
    both = [result("b", 2, 0), result("b", 2, 1)]
    metrics = summarise(one_of_two + both)
    assert metrics.pass_hat == {1: 0.75, 2: 0.5}
    assert metrics.pass_at == {1: 0.75, 2: 1.0}


def test_pass_k_leaves_out_scenarios_with_fewer_trials() -> None:
    metrics = summarise([result("a", 2, 0), result("a", 2, 1), result("b", 0, 0)])
    assert metrics.pass_hat == {1: 0.5, 2: 1.0}


def test_repeating_every_trial_does_not_narrow_the_interval() -> None:
    outcomes = [i % 3 == 0 for i in range(60)]
    once = [result(f"s{i}", 2 * won) for i, won in enumerate(outcomes)]
    again = [
        result(f"s{i}", 2 * won, trial) for i, won in enumerate(outcomes) for trial in range(5)
    ]
    few, many = summarise(once).success, summarise(again).success
    assert many.value == pytest.approx(few.value)
    assert many.high - many.low == pytest.approx(few.high - few.low, rel=0.1)


def test_shares_by_tool_and_domain() -> None:
    metrics = summarise([result("a", 2), result("b", 1)])
    assert metrics.by_tool["search_hotel"].value == 1.0
    assert metrics.by_tool["book_hotel"].value == 0.5
    assert metrics.by_domain["hotel"].value == 0.75


def test_turns_and_calls_are_read_from_the_messages() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"id": "call_0"}, {"id": "call_1"}]}
    answer = {"role": "tool", "content": "{}"}
    speech, user = ({"role": role, "content": "Hi"} for role in ("assistant", "user"))
    dialogue = Result("a", 0, GOALS, (), (user, call, answer, answer, speech, user, speech))
    assert (dialogue.turns, dialogue.calls) == (2, 2)


def test_compare_counts_what_it_leaves_out() -> None:
    baseline = [result("a"), result("b"), result("c", error="timeout")]
    candidate = [result("a"), result("c"), result("d")]
    found = compare(baseline, candidate).success
    assert (found.pairs, found.unpaired, found.unscored) == (1, 2, 1)


def test_mcnemar_is_the_exact_sign_test_of_discordant_scenarios() -> None:
    found = compare(run(*[False] * 6, True, True), run(*[True] * 6, True, False)).success
    assert (found.wins, found.losses) == (6, 1)
    assert found.p_value == pytest.approx(2 * (1 + 7) / 2**7)


def test_a_clear_gain_is_found_and_larger_than_what_is_detectable() -> None:
    outcomes = [i % 4 == 0 for i in range(100)]
    better = run(*[won or i % 2 == 0 for i, won in enumerate(outcomes)])
    gain = compare(run(*outcomes), better).success
    assert gain.difference.value == pytest.approx(0.25)
    assert 0 < gain.detectable < gain.difference.value
    assert gain.difference.low > 0
    assert gain.p_value < 0.001


def test_detectable_difference_matches_the_textbook() -> None:
    # n = 100 paired differences of standard deviation s: (1.984 + 0.846) * s / 10 = 0.283 s.
    comparison = compare(run(*[False, True] * 50), run(*[True, False] * 50))
    assert comparison.success.detectable == pytest.approx(0.283 * (100 / 99) ** 0.5, rel=0.01)


def test_identical_runs_differ_by_nothing() -> None:
    comparison = compare(run(True, False), run(True, False))
    assert (comparison.success.difference.value, comparison.success.p_value) == (0.0, 1.0)
    assert comparison.to_json()["success"]["detectable"] is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=12))
def test_swapping_the_runs_flips_the_sign_alone(outcomes: list[tuple[bool, bool]]) -> None:
    a, b = (run(*side) for side in zip(*outcomes, strict=True))
    there, back = compare(a, b), compare(b, a)
    assert there.reward.difference.value == pytest.approx(-back.reward.difference.value)
    assert there.success.p_value == back.success.p_value
    assert (there.success.wins, there.success.losses) == (back.success.losses, back.success.wins)


def test_a_result_survives_json() -> None:
    original = Result("a", 1, GOALS, GOALS[:1], ({"role": "user", "content": "é"},), truncated=True)
    assert Result.from_json(json.loads(json.dumps(original.to_json()))) == original


@pytest.mark.parametrize(
    "broken", [{"goals": []}, {"earned": ["fly_to_moon"]}, {"surprise": 1}, {"scenario": None}]
)
def test_an_impossible_result_is_refused(broken: dict[str, object]) -> None:
    record = {**result("a").to_json(), **broken}
    if broken == {"scenario": None}:
        del record["scenario"]
    with pytest.raises(ValueError, match="result of"):
        Result.from_json(record)


def test_the_reward_of_an_unscored_dialogue_is_an_error() -> None:
    with pytest.raises(ValueError, match="unscored: timeout"):
        _ = result("a", error="timeout").reward


def test_a_tie_over_several_trials_is_no_loss() -> None:
    """Two thirds and two thirds are a third and one: only in binary they are not."""
    goals = ("search_hotel", "book_hotel", "search_train")

    def trials(*earned: int) -> list[Result]:
        return [Result("a", trial, goals, goals[:count]) for trial, count in enumerate(earned)]

    reward = compare(trials(1, 3), trials(2, 2)).reward
    assert reward.difference.value != 0
    assert (reward.wins, reward.losses) == (0, 0)
