"""A harvest to be killed, ``python killed_harvest.py CORPUS WORK``, whose users never repeat
themselves: each utterance ends in a number that was never drawn before."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from dialogue.endpoints.settings import ModelEndpoint
from dialogue.protocols import Completion, Message
from josh.harvesting.journal import Journal
from josh.harvesting.scheduler import harvest_all
from josh.search.config import JoshConfig
from josh.tree.store import tree_writer
from tasks.harvest.explore import starter
from toolwoz.agents.expert import Expert
from toolwoz.users.agenda import AgendaUser
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.scenario import Scenario, take

DIALOGUE = DialogueConfig("", 1, 40, 4, 4, "agenda", ModelEndpoint())


class Moody:
    def __init__(self, seed: int) -> None:
        self.agenda = AgendaUser(seed)

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        await asyncio.sleep(0.02)
        said = await self.agenda(scenario, messages)
        return said and f"{said} {os.urandom(6).hex()}"


async def main(corpus: Path, work: Path) -> None:
    world = DIALOGUE.world(corpus)
    expert = Expert(world)

    async def policy(
        messages: Sequence[Message], tools: Sequence[Message], *, seed: int
    ) -> Completion | None:
        await asyncio.sleep(0.02 * (seed % 5))
        return await expert(messages, tools, seed=seed)

    scenarios = {one.id: one for one in take(corpus, "train", 6)}
    start = starter(scenarios, DIALOGUE, world, Moody, seed=0)
    config = JoshConfig(beam=4, turns=8)
    print("up", flush=True)
    with Journal(work, "moody") as journal, tree_writer(work / "trees.jsonl") as write:
        async for tree in harvest_all(list(scenarios), start, policy, config, journal=journal):
            write(tree)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
