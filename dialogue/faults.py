"""A fault is not an answer: what may pass is tried again for a while, what remains is raised."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Fault(RuntimeError):  # noqa: N818 - a fault, as opposed to an answer
    """An engine, a user or a world failed. It stops its dialogue, and never becomes a label."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to wait for an engine that died.

    Attributes:
        first_wait, longest_wait: Seconds; the wait doubles from one to the other, and each is
            drawn at random from its upper half, so that callers do not come back all at once.
        give_up_after: Seconds of trying after which the fault stands.
        transient: Exceptions that may pass. All others stand at once.
    """

    first_wait: float = 0.5
    longest_wait: float = 30.0
    give_up_after: float = 600.0
    transient: tuple[type[Exception], ...] = (ConnectionError, TimeoutError)

    async def __call__(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """The answer of the first attempt that gives one.

        Raises:
            Fault: an attempt failed for good, or transient failures outlasted the patience.
        """
        wait, deadline = self.first_wait, None
        while True:
            try:
                return await attempt()
            except self.transient as error:
                now = asyncio.get_running_loop().time()
                if deadline is None:
                    deadline = now + self.give_up_after
                    log.warning("%s: %s: %s; trying again", what, type(error).__name__, error)
                if now >= deadline:
                    raise Fault(f"{what}: {type(error).__name__}: {error}") from error
            except Exception as error:  # the protocols allow any: this is where a fault is named
                raise Fault(f"{what}: {type(error).__name__}: {error}") from error
            await asyncio.sleep(min(wait * random.uniform(0.5, 1.0), max(0.0, deadline - now)))
            wait = min(2 * wait, self.longest_wait)
