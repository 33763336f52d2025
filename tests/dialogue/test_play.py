"""Many jobs at once: bounded, none left out, and the first free worker takes the next."""

from __future__ import annotations

import asyncio

import pytest

from dialogue.progress import play_all


def test_no_more_than_so_many_at_once_and_each_is_told_when_it_ends() -> None:
    at_once = most = 0

    async def play(job: int) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05 if job == 0 else 0.001)
        at_once -= 1
        return job

    ended: list[int] = []
    asyncio.run(play_all(range(12), play, ended.append, 3))
    assert (sorted(ended), most) == (list(range(12)), 3)
    assert ended[-1] == 0, "a slow one holds up no other"


def test_an_exception_ends_all() -> None:
    async def play(job: int) -> None:
        if job == 1:
            raise KeyError("a mistake")
        await asyncio.sleep(60)

    with pytest.raises(ExceptionGroup) as failure:
        asyncio.run(play_all(range(4), play, print, 2))
    assert failure.group_contains(KeyError, match="a mistake")
