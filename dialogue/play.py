"""Many jobs, a number of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


async def play_all(
    jobs: Iterable[Job],
    play: Callable[[Job], Awaitable[Result]],
    finished: Callable[[Result], object],
    concurrency: int,
) -> None:
    """Play jobs, a bounded number at any time.

    Args:
        jobs: Each goes to the first worker that is free.
        play: Its result says it where a job failed: an exception ends all of them.
        finished: Called with each result as soon as it is there.
        concurrency: Workers; in effect, an engine's batch.
    """
    queue = iter(jobs)

    async def worker() -> None:
        for job in queue:
            finished(await play(job))

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())
