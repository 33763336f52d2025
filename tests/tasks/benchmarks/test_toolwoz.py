"""ToolWOZ as a benchmark: its dialogues are the runner's, its ceiling the published one."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from statistics import fmean

import pytest

from dialogue.protocols import Completion
from dialogue.tool_text import assistant
from tasks.benchmarks.runs.runner import run
from tasks.benchmarks.runs.summary import summarise
from tasks.benchmarks.suites.toolwoz import of
from tasks.benchmarks.suites.trials import pass_hat
from toolwoz.agents.expert import Expert
from toolwoz.conversion.conversion import convert
from toolwoz.corpus.multiwoz import read_corpus

CORPUS = Path(__file__).parents[2] / "golden/multiwoz"


@pytest.fixture(scope="module")
def tiny():
    return convert(read_corpus(CORPUS), "v2")


class Counting:
    """The expert, counting its messages."""

    def __init__(self, world):
        self.expert, self.asked = Expert(world), 0

    async def __call__(self, messages, tools, *, seed):
        self.asked += 1
        return await self.expert(messages, tools, seed=seed)


def play(benchmark, items, policy, out=None):
    return asyncio.run(run(benchmark, items, policy, concurrency=3, out=out))


def test_a_killed_run_repeats_nothing_and_ends_the_same(tiny, tmp_path):
    benchmark, policy = of(tiny, trials=2), Counting(tiny.world)
    whole = play(benchmark, benchmark.items, policy)
    all_of_it = policy.asked
    play(benchmark, benchmark.items[:3], policy, tmp_path)
    policy.asked = 0
    assert play(benchmark, benchmark.items, policy, tmp_path) == whole
    assert 0 < policy.asked < all_of_it
    metrics = summarise(benchmark, whole)
    assert metrics.score.value > 0.9
    assert (metrics.ceiling, metrics.floor) == (1.0, 0.0)
    assert {"pass^1", "pass^2"} <= metrics.parts.keys()


async def mute(*_, **__):
    return Completion(assistant("Goodbye."))


async def broken(*_, **__):
    raise ConnectionError("gone")


def test_an_agent_that_says_nothing_useful_earns_nothing(tiny):
    benchmark = of(tiny, trials=1)
    assert {one.score for one in play(benchmark, benchmark.items, mute)} == {0.0}


def test_a_dead_engine_is_no_zero(tiny):
    benchmark = of(tiny, trials=1)
    found = play(benchmark, benchmark.items[:1], broken)[0]
    assert (found.score, found.error) == (None, "EngineFailedError: ConnectionError: gone")


def test_pass_hat_is_the_chance_that_all_of_k_succeed():
    assert pass_hat(2, 4) == pytest.approx(
        {"pass^1": 1 / 2, "pass^2": 1 / 6, "pass^3": 0, "pass^4": 0}
    )


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "ceiling"), [("toolwoz", 1.0), ("toolwoz-parity", 0.9789)])
def test_sizes_and_ceilings_are_the_published_ones(opened, name, ceiling):
    benchmark = opened(name)
    assert Counter(item.group for item in benchmark.items) == {"test-450": 450, "the others": 355}
    assert fmean(map(benchmark.ceiling, benchmark.items)) == pytest.approx(ceiling, abs=5e-5)
