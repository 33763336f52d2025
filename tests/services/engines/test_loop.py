"""Concurrent callers share an engine's steps, and none of them waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence

import pytest

from dialogue.errors import EngineError
from services.engines.loop import EngineLoop, Sample


class Countdown:
    """Answers each request with its own prompt, after as many steps as its seed says."""

    def __init__(self) -> None:
        self.left: dict[int, int] = {}
        self.prompts: dict[int, Sequence[int]] = {}
        self.batches: list[int] = []
        self.aborted: list[int] = []
        self.closed = False

    def add(self, key: int, prompt: Sequence[int], seed: int, *_: str) -> None:
        self.left[key], self.prompts[key] = seed, prompt

    def abort(self, key: int) -> None:
        del self.left[key]
        self.aborted.append(key)

    def step(self) -> Mapping[int, Sample]:
        time.sleep(0.001)
        self.batches.append(len(self.left))
        self.left = {key: left - 1 for key, left in self.left.items()}
        done = [key for key, left in self.left.items() if left <= 0]
        for key in done:
            del self.left[key]
        return {key: Sample(self.prompts[key]) for key in done}

    def close(self) -> None:
        self.closed = True


class Mortal(Countdown):
    def step(self) -> Mapping[int, Sample]:
        if len(self.batches) == 3:
            raise ValueError("out of memory")
        return super().step()


FOREVER = 10**9


def test_every_caller_gets_its_own_answer_and_they_share_steps():
    engine = Countdown()

    async def ask_all():
        return await asyncio.gather(*(loop.sample([i], seed=5 + i % 7) for i in range(100)))

    with EngineLoop(lambda: engine) as loop:
        answers = asyncio.run(ask_all())
    assert [answer.token_ids for answer in answers] == [[i] for i in range(100)]
    assert len(engine.batches) < 40
    assert max(engine.batches) > 80
    assert engine.closed


def test_a_request_joins_while_others_are_under_way():
    async def late():
        slow = asyncio.create_task(loop.sample([1], seed=200))
        await asyncio.sleep(0.02)
        await loop.sample([2], seed=1)
        return slow.done()

    with EngineLoop(Countdown) as loop:
        assert asyncio.run(late()) is False


def test_a_cancelled_caller_leaves_the_batch_and_the_others_stay():
    engine = Countdown()

    async def cancel_one():
        kept = asyncio.create_task(loop.sample([1], seed=100))
        dropped = asyncio.create_task(loop.sample([2], seed=FOREVER))
        await asyncio.sleep(0.02)
        dropped.cancel()
        return await kept

    with EngineLoop(lambda: engine) as loop:
        assert asyncio.run(cancel_one()).token_ids == [1]
    assert engine.aborted == [1]


def test_an_engine_that_dies_fails_everyone_who_waits_and_whoever_comes_later():
    async def ask_all():
        return await asyncio.gather(
            *(loop.sample([i], seed=FOREVER) for i in range(5)), return_exceptions=True
        )

    with EngineLoop(Mortal) as loop:
        failures = asyncio.run(ask_all())
        failures += asyncio.run(ask_all())
    assert [type(failure) for failure in failures] == [EngineError] * 10
    assert all("out of memory" in str(failure) for failure in failures)


def test_closing_fails_who_waits_and_refuses_who_comes():
    async def leave_early():
        waiting = asyncio.create_task(loop.sample([1], seed=FOREVER))
        await asyncio.sleep(0.02)
        await asyncio.to_thread(loop.__exit__, None, None, None)
        with pytest.raises(EngineError, match="closed"):
            await waiting
        with pytest.raises(EngineError, match="closed"):
            await loop.sample([2], seed=1)

    loop = EngineLoop(Countdown)
    asyncio.run(leave_early())


def test_an_engine_that_cannot_start_raises_and_leaves_no_thread():
    def start():
        raise OSError("no such model")

    before = threading.active_count()
    with pytest.raises(OSError, match="no such model"):
        EngineLoop(start)
    assert threading.active_count() == before


def test_event_loops_may_follow_one_another():
    with EngineLoop(Countdown) as loop:
        first = asyncio.run(loop.sample([1], seed=1))
        second = asyncio.run(loop.sample([2], seed=1))
    assert (first.token_ids, second.token_ids) == ([1], [2])
