"""A harvest to be killed; it notes each model call it makes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from josh.harvesting.journal import Journal, journal_key
from josh.harvesting.scheduler import Limits, harvest_all
from josh.search.config import JoshConfig
from josh.tree.store import tree_writer
from tests.helpers.fakes import FakeEpisode, Luck, Message

SCENARIOS = [f"s{number}" for number in range(20)]
CONFIG = JoshConfig(all_rewards=True, refill=True)


async def start(_scenario: str, _opening: Sequence[Message] | None) -> FakeEpisode:
    return FakeEpisode(frozenset("abcd"))


async def harvest(folder: Path, up: Connection, notes: int) -> None:
    class Slow(Luck):
        async def __call__(self, *prompt: Sequence[Message], seed: int) -> object:
            os.write(notes, b"%d\n" % seed)
            await asyncio.sleep(0.002 * (seed % 7))
            return await super().__call__(*prompt, seed=seed)

    key = journal_key(CONFIG, SCENARIOS, policy="luck")
    up.send("up")
    with Journal(folder, key) as journal, tree_writer(folder / "trees.jsonl") as write:
        async for tree in harvest_all(
            SCENARIOS, start, Slow(), CONFIG, limits=Limits(dialogues=4), journal=journal
        ):
            write(tree)


def main(folder: Path, up: Connection) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    notes = os.open(folder / "asked", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    asyncio.run(harvest(folder, up, notes))
