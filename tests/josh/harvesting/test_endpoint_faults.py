"""Every kind of answer of an endpoint: once, always, and in the middle of a harvest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dialogue.endpoints.client import ChatClient
from dialogue.endpoints.retries import Retry
from dialogue.errors import EndpointError, Fault
from dialogue.protocols import Completion
from josh.harvesting.journal import Journal, journal_key
from josh.harvesting.scheduler import harvest_all
from josh.search.config import JoshConfig
from josh.tree.tree import Tree
from josh.tree.tree_json import to_bytes
from tests.helpers.chat_faults import ENDLESS, FINAL, GARBLED, PASSING, USABLE, Endpoint, endpoint
from tests.helpers.chat_server import said
from tests.helpers.fakes import FakeEpisode, Message, move

MOVES = ("hm", "+a", "+b", "!", "ho", "+x", "bye")
SCENARIOS = ("s0", "s1")
CONFIG = JoshConfig(beam=2, turns=2)
KEY = journal_key(CONFIG, SCENARIOS, policy="endpoint")
IMPATIENT = Retry(patience=0.02, first_wait=0.02, longest_wait=0.02)
MESSAGES = [{"role": "user", "content": "Hello"}]
ILL = {**GARBLED, **PASSING, **FINAL, **ENDLESS}
"""Names are of one kind each, but for the statuses."""


@dataclass
class World:
    """One loop, one server and two clients for all kinds."""

    runner: asyncio.Runner
    server: Endpoint
    client: ChatClient
    hasty: ChatClient

    def ask(self, client: ChatClient | None = None) -> Completion | None:
        return self.runner.run((client or self.client)(MESSAGES, [], seed=0))

    def harvest(self, folder: Path, client: ChatClient | None = None) -> list[Tree]:
        async def trees() -> list[Tree]:
            with Journal(folder, KEY) as journal:
                found = harvest_all(
                    SCENARIOS,
                    start,
                    client or self.client,
                    CONFIG,
                    journal=journal,
                    retry=Retry(patience=0),
                )
                return [tree async for tree in found]

        return self.runner.run(trees())


async def start(_scenario: str, _opening: Sequence[Message] | None) -> FakeEpisode:
    return FakeEpisode(frozenset("ab"))


def drawn(request: dict[str, Any]) -> dict[str, Any]:
    message = move(MOVES[request["seed"] % len(MOVES)])
    return said(**{key: value for key, value in message.items() if key != "role"})


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with asyncio.Runner() as runner:
        serving = endpoint(drawn)
        server, url = runner.run(serving.__aenter__())
        client = ChatClient(url, "m", timeout=10, retry=IMPATIENT)
        hasty = ChatClient(url, "m", timeout=0.2, retry=Retry(patience=0))
        yield World(runner, server, client, hasty)
        for one in (client, hasty):
            runner.run(one.__aexit__(None, None, None))
        runner.run(serving.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def trees(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[Tree]:
    """Those of a harvest from a healthy endpoint."""
    world.server.be(USABLE["healthy"])
    return world.harvest(tmp_path_factory.mktemp("healthy"))


def test_there_are_many_kinds() -> None:
    assert sum(map(len, (USABLE, GARBLED, PASSING, FINAL, ENDLESS))) >= 95


@pytest.mark.parametrize("kind", USABLE)
def test_what_says_the_same_is_the_same(kind: str, world: World) -> None:
    world.server.be(USABLE[kind])
    completion = world.ask()
    assert completion is not None
    said = {
        key: completion.message[key] for key in completion.message if key != "reasoning_content"
    }
    assert said == {"role": "assistant", "content": "hm"}
    assert completion.finish_reason == "stop"


@pytest.mark.parametrize("kind", [*GARBLED, *PASSING])
def test_what_may_pass_once_is_asked_for_again_and_always_is_a_fault(
    kind: str, world: World
) -> None:
    ill = {**GARBLED, **PASSING}[kind]
    world.server.be(ill, times=1)
    assert world.ask() is not None
    assert world.server.asked == 2
    world.server.be(ill)
    require_fault(world, at_least=2, at_most=1000)
    world.server.be(ill, times=0)
    assert world.ask() is not None


@pytest.mark.parametrize("kind", FINAL)
def test_what_cannot_pass_is_said_at_once(kind: str, world: World) -> None:
    world.server.be(FINAL[kind])
    require_fault(world, at_least=1, at_most=1)
    world.server.be(FINAL[kind], times=0)
    assert world.ask() is not None


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_answer_without_an_end_is_bounded(kind: str, world: World) -> None:
    world.server.be(ENDLESS[kind])
    require_fault(world, at_least=1, at_most=1, client=world.hasty)
    world.server.be(ENDLESS[kind], times=0)
    assert world.ask() is not None


def require_fault(
    world: World, at_least: int, at_most: int, client: ChatClient | None = None
) -> None:
    began = time.monotonic()
    with pytest.raises(Fault) as caught:
        world.ask(client)
    line = str(caught.value)
    assert line.isprintable()
    assert "http://127.0.0.1:" in line
    assert len(line) < 1000
    assert time.monotonic() - began < 10
    assert at_least <= world.server.asked <= at_most
    assert type(caught.value) in (Fault, EndpointError)


@pytest.mark.parametrize("kind", ILL)
def test_a_harvest_that_meets_it_goes_on_to_the_same_trees(
    kind: str, world: World, trees: list[Tree], tmp_path: Path
) -> None:
    world.server.be(ILL[kind])
    faulty = world.harvest(tmp_path, world.hasty)
    assert all(tree.error for tree in faulty)
    world.server.be(ILL[kind], times=0)
    assert [to_bytes(tree) for tree in world.harvest(tmp_path)] == list(map(to_bytes, trees))
    assert world.server.asked > 0
    assert len({tree.error for tree in faulty}) == len(SCENARIOS)
