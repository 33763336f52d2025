"""A harvest that leaves a journal: its scenarios, its settings, and a run of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dialogue.endpoints.retries import Retry
from josh.harvesting.journal import Journal, journal_key
from josh.harvesting.scheduler import harvest_all
from josh.search.config import JoshConfig
from josh.tree.tree import Tree
from tests.helpers.fakes import FakeEpisode, Message

SCENARIOS = ("s0", "s1", "s2")
CONFIG = JoshConfig(beam=4, turns=4, refill=True)
KEY = journal_key(CONFIG, SCENARIOS, policy="luck")


async def start(_scenario: str, _opening: Sequence[Message] | None) -> FakeEpisode:
    return FakeEpisode(frozenset("abc"))


def run(folder: Path, policy: Any, start: Any = start) -> list[Tree]:
    async def all_trees() -> list[Tree]:
        with Journal(folder, KEY) as journal:
            trees = harvest_all(
                SCENARIOS, start, policy, CONFIG, journal=journal, retry=Retry(patience=0)
            )
            return [tree async for tree in trees]

    return asyncio.run(all_trees())
