"""Many dialogues at once: every live leaf of each is under way, within bounds."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from dialogue.endpoints.retries import PATIENT, Retry
from dialogue.errors import Fault
from dialogue.progress import Listener, Progress
from dialogue.protocols import Completion, Episode, Message, Policy, Tool
from josh.search.config import SearchConfig
from josh.search.dialogue import Memory
from josh.search.search import PAPER, explore
from josh.tree.tree import Tree

log = logging.getLogger(__name__)

Start = Callable[[str, Sequence[Message] | None], Awaitable[Episode]]
"""Starts the dialogue of a scenario id. Where a killed run had started it, its opening messages are
given: a user that might open with other words is not to be asked again."""

AHEAD = 4
"""Trees come in the order of their scenarios; so many times ``Limits.dialogues`` may wait for one
that is slow."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be under way at once.

    Attributes:
        dialogues: Dialogues in flight; with the beam, this bounds the calls of users.
        calls: Calls of the policy in flight.
    """

    dialogues: int = 20
    calls: int = 160


LIMITS = Limits()


async def harvest_all(
    scenarios: Sequence[str],
    start: Start,
    policy: Policy,
    config: SearchConfig = PAPER,
    *,
    limits: Limits = LIMITS,
    retry: Retry = PATIENT,
    journal: Callable[[str], Memory] | None = None,
    name: str = "harvest",
    listeners: Sequence[Listener] = (),
) -> AsyncGenerator[Tree, None]:
    """Harvest dialogues side by side, and give their trees in the order of the scenarios.

    Args:
        policy: The agent.
        retry: How long to wait for a policy that does not wait itself, and for the world.
        journal: Gives each scenario its memory: see ``josh.harvesting.journal``. Without one, a
            harvest that is killed starts from nothing.
        name: Name of the harvest, in what is said of its progress.
        listeners: Told how far it is; dialogues count as soon as they are over, whatever their
            turn.

    A dialogue that met a fault comes as a tree with an ``error``; with a journal, the same
    harvest run again goes on where it stopped.

    Raises:
        ValueError: a scenario is listed twice; its two trees would share one journal.
    """
    if len(set(scenarios)) < len(scenarios):
        raise ValueError("a scenario is listed twice; give each once, and other seeds for more")
    room = asyncio.Semaphore(limits.dialogues)
    # First come, first served: siblings ask one after another, and so are sent together.
    slots = asyncio.Semaphore(limits.calls)

    async def ask(
        messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        async with slots:
            return await policy(messages, tools, seed=seed)

    async def one(scenario: str) -> Tree:
        async with room:
            memory = journal(scenario) if journal is not None else None
            tree = await _explore(scenario, start, ask, config, memory, retry)
            _count(progress, tree)
            return tree

    under_way: deque[asyncio.Task[Tree]] = deque()
    with Progress(name, len(scenarios), listeners=listeners) as progress:
        try:
            for scenario in scenarios:
                under_way.append(asyncio.create_task(one(scenario)))
                if len(under_way) >= AHEAD * limits.dialogues:
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)


def _count(progress: Progress, tree: Tree) -> None:
    if tree.error:
        log.error("%s", tree.error)
    progress.advance(
        means={"golden": tree.golden_leaf is not None, "reward": tree.reward},
        counts={"faults": tree.error is not None, "tokens": tree.completion_tokens},
    )


async def _explore(
    scenario: str,
    start: Start,
    policy: Policy,
    config: SearchConfig,
    memory: Memory | None,
    retry: Retry,
) -> Tree:
    try:
        episode = await _start(scenario, start, memory, retry)
    except Fault as fault:
        return Tree(scenario, frozenset(), (), (), (), error=str(fault))
    return await explore(scenario, episode, policy, config, memory=memory, retry=retry)


async def _start(scenario: str, start: Start, memory: Memory | None, retry: Retry) -> Episode:
    entry = memory.get("opening") if memory is not None else None
    opening = entry["messages"] if entry else None
    episode = await retry(f"{scenario}: start", lambda: start(scenario, opening))
    messages = list(episode.messages)
    if opening is not None and messages != opening:
        raise Fault(
            f"{scenario}: the dialogue opens otherwise than in the killed run. Let its start use "
            "the opening it is given, or start the harvest afresh in an empty journal folder"
        )
    if memory is not None and opening is None:
        memory["opening"] = {"messages": messages}
    return episode
