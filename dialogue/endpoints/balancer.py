"""Servers of one model side by side: each dialogue keeps to one, so that its prefix stays there."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dialogue.errors import EndpointBusy

log = logging.getLogger(__name__)
T = TypeVar("T")

REST = 5.0
"""Seconds for which a server that failed is left alone, if another works; twice as long after each
further failure, up to LONGEST_REST."""
LONGEST_REST = 120.0


@dataclass(slots=True, eq=False)
class Server:
    """A server: its calls in flight, its failures in a row, and the time until which it rests."""

    url: str
    calls: int = 0
    failures: int = 0
    rests_until: float = 0.0

    def is_resting(self) -> bool:
        return time.monotonic() < self.rests_until

    def failed(self, why: EndpointBusy) -> None:
        if self.is_resting():  # one of many calls that failed together
            return
        rest = min(REST * 2**self.failures, LONGEST_REST)
        self.failures += 1
        self.rests_until = time.monotonic() + rest
        log.warning("%s; for %.0f s, others take its dialogues if there are any", why, rest)

    def answered(self) -> None:
        self.failures, self.rests_until = 0, 0.0

    async def ask(self, attempt: Callable[[str], Awaitable[T]]) -> T:
        self.calls += 1
        try:
            answer = await attempt(self.url)
        except EndpointBusy as error:
            self.failed(error)
            raise
        finally:
            self.calls -= 1
        self.answered()
        return answer


class Balancer:
    """Shares servers between dialogues.

    A dialogue's server is the one with fewest calls in flight when it begins. It moves to another
    while its own rests, and comes back.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        if not urls:
            raise ValueError("a model needs at least one server")
        self._servers = [Server(url) for url in urls]
        self._orders: dict[int, list[Server]] = {}

    async def ask(self, dialogue: int, attempt: Callable[[str], Awaitable[T]]) -> T:
        """The answer of the dialogue's server, or of the first other that gives one.

        Args:
            dialogue: A number that tells it from others.
            attempt: Asks the server of a URL.

        Raises:
            EndpointBusy: none works; the last one's.
        """
        *others, last = self._working(dialogue)
        for server in others:
            try:
                return await server.ask(attempt)
            except EndpointBusy:
                continue
        return await last.ask(attempt)

    def _working(self, dialogue: int) -> Sequence[Server]:
        """The servers that do not rest, the dialogue's own first; if all do, its own."""
        if dialogue not in self._orders:
            shuffled = random.Random(dialogue).sample(self._servers, len(self._servers))
            by_load = sorted(shuffled, key=lambda server: (server.is_resting(), server.calls))
            self._orders[dialogue] = by_load
        order = self._orders[dialogue]
        return [server for server in order if not server.is_resting()] or order[:1]
