"""Several servers of one model: a dialogue keeps to one, and what fails is left alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from dialogue.endpoints import balancer as module
from dialogue.endpoints.balancer import Balancer
from dialogue.errors import EndpointBusy, EndpointError

URLS = ("a", "b", "c")


class Servers:
    """Says who was asked by whom; some are down."""

    def __init__(self, *down: str) -> None:
        self.down = set(down)
        self.asked: list[tuple[int, str]] = []

    def by(self, dialogue: int) -> Callable[[str], Awaitable[str]]:
        async def attempt(url: str) -> str:
            self.asked.append((dialogue, url))
            await asyncio.sleep(0.001)
            if url in self.down:
                raise EndpointBusy(f"{url} is down")
            return url

        return attempt

    async def all(self, balancer: Balancer, dialogues: int) -> list[str]:
        return await asyncio.gather(*(balancer.ask(n, self.by(n)) for n in range(dialogues)))


def run(scenario: Awaitable[None]) -> None:
    async def main() -> None:
        await scenario

    asyncio.run(main())


def test_dialogues_are_spread_and_each_keeps_to_its_server() -> None:
    async def scenario() -> None:
        servers, balancer = Servers(), Balancer(URLS)
        first = await servers.all(balancer, 9)
        assert Counter(first) == {"a": 3, "b": 3, "c": 3}
        for _ in range(3):
            assert await servers.all(balancer, 9) == first

    run(scenario())


def test_the_dialogues_of_a_server_that_fails_move_and_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REST", 0.2)

    async def scenario() -> None:
        servers, balancer = Servers(), Balancer(URLS)
        before = await servers.all(balancer, 30)
        servers.down.add("b")
        during = await servers.all(balancer, 30)
        assert all(now == was for now, was in zip(during, before, strict=True) if was != "b")
        moved = Counter(now for now, was in zip(during, before, strict=True) if was == "b")
        assert set(moved) == {"a", "c"}, "all others take a part"
        servers.asked.clear()
        assert await servers.all(balancer, 30) == during, "each keeps to its new one"
        assert "b" not in {url for _, url in servers.asked}, "it is left alone"
        servers.down.clear()
        await asyncio.sleep(0.25)
        assert await servers.all(balancer, 30) == before

    run(scenario())


def test_a_server_that_stays_away_rests_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST", 0.02)

    async def scenario() -> None:
        servers, balancer = Servers("b"), Balancer(("a", "b"))
        for _ in range(300):
            await servers.all(balancer, 4)
        assert 2 <= sum(url == "b" for _, url in servers.asked) < 20

    run(scenario())


def test_when_all_are_away_each_dialogue_asks_its_own() -> None:
    async def scenario() -> None:
        servers, balancer = Servers(), Balancer(URLS)
        before = await servers.all(balancer, 9)
        servers.down.update(URLS)
        for dialogue in range(9):
            with pytest.raises(EndpointBusy, match="is down"):
                await balancer.ask(dialogue, servers.by(dialogue))
        servers.down.clear()
        assert await servers.all(balancer, 9) == before

    run(scenario())


def test_what_a_server_refuses_no_other_is_asked() -> None:
    asked = []

    async def refuses(url: str) -> None:
        asked.append(url)
        raise EndpointError("401")

    with pytest.raises(EndpointError, match="401"):
        asyncio.run(Balancer(URLS).ask(1, refuses))
    assert len(asked) == 1


def test_no_servers_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one server"):
        Balancer([])
