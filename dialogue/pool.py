"""Policies side by side: each dialogue keeps to one, so that its prefix stays in that cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dialogue.protocols import Completion, Message, Policy, Tool

REST = 5.0
"""Seconds for which dialogues avoid an endpoint that failed, if there is another."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be under way at once.

    Attributes:
        dialogues: Dialogues in flight; with the beam, this bounds the calls of users.
        calls: Calls of policies in flight, over all endpoints.
        timeout: Seconds a policy's call may take, from when it is sent.
    """

    dialogues: int = 20
    calls: int = 160
    timeout: float = 300.0


@dataclass(slots=True, eq=False)
class Endpoint:
    """A policy, how many dialogues are pinned to it, and until when it rests after a failure."""

    policy: Policy
    dialogues: int = 0
    rests_until: float = 0.0

    def failed(self) -> None:
        self.rests_until = time.monotonic() + REST

    def is_resting(self) -> bool:
        return time.monotonic() < self.rests_until


class Pool:
    """Shares policies that play the same agent between dialogues."""

    def __init__(self, policies: Sequence[Policy], limits: Limits) -> None:
        if not policies:
            raise ValueError("a harvest needs at least one policy")
        self.endpoints = [Endpoint(policy) for policy in policies]
        self.timeout = limits.timeout
        # First come, first served: siblings ask one after another, and so are sent together.
        self.slots = asyncio.Semaphore(limits.calls)

    @contextmanager
    def pinned(self) -> Iterator[Policy]:
        """A policy for one dialogue. It moves only when its endpoint fails and another does not."""
        pinned = Pinned(self)
        try:
            yield pinned
        finally:
            pinned.endpoint.dialogues -= 1

    def choose(self) -> Endpoint:
        """The endpoint with fewest dialogues, of those that did not just fail."""
        return min(self.endpoints, key=lambda one: (one.is_resting(), one.dialogues))


class Pinned:
    """One dialogue's policy: bounded in time and number, on the endpoint it keeps to."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.endpoint = pool.choose()
        self.endpoint.dialogues += 1

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """As the endpoint's.

        Raises:
            TimeoutError: it took too long.
        """
        async with self.pool.slots:
            endpoint = self._healthy()
            try:
                async with asyncio.timeout(self.pool.timeout):
                    return await endpoint.policy(messages, tools, seed=seed)
            except Exception:  # whatever it was, the endpoint failed; always raised again
                endpoint.failed()
                raise

    def _healthy(self) -> Endpoint:
        if self.endpoint.is_resting():
            other = self.pool.choose()
            if not other.is_resting():
                self.endpoint.dialogues -= 1
                other.dialogues += 1
                self.endpoint = other
        return self.endpoint
