"""The one way to wait for what may pass: exponential backoff with jitter, and a limit in all."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from dialogue.errors import EndpointBusy, EndpointGarbled, Fault

log = logging.getLogger(__name__)
T = TypeVar("T")

PASSING = (EndpointBusy, ConnectionError, TimeoutError)
"""What may pass. All else stands at once."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to wait for what may pass.

    Attributes:
        patience: Seconds of trying, from the first failure, after which it stands.
        first_wait, longest_wait: Seconds; the wait doubles from one to the other, and each is
            drawn at random from its upper half, so that callers do not come back all at once. An
            endpoint that asks for a longer wait gets it, up to the longest.
        garbled: Attempts after which an answer that nobody can read stands.
    """

    patience: float = 600.0
    first_wait: float = 0.5
    longest_wait: float = 60.0
    garbled: int = 5

    async def __call__(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """The answer of the first attempt that gives one.

        Raises:
            Fault: an attempt failed for good, or failures outlasted the patience; it says of what.
        """
        try:
            return await self.outlast(attempt)
        except Fault as fault:
            raise Fault(f"{what}: {fault}") from fault
        except Exception as error:  # the protocols allow any: this is where a fault is named
            raise Fault(f"{what}: {_said(error)}") from error

    async def outlast(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """As calling it, but what may not pass is raised as it is.

        Raises:
            Fault: failures outlasted the patience.
        """
        wait, garbled, deadline = self.first_wait, 0, None
        while True:
            try:
                return await attempt()
            except PASSING as error:
                now = asyncio.get_running_loop().time()
                if deadline is None:
                    deadline = now + self.patience
                    # Of servers, the balancer has warned: once for all who ask them.
                    level = logging.INFO if isinstance(error, EndpointBusy) else logging.WARNING
                    log.log(level, "%s; trying again", _said(error))
                garbled += isinstance(error, EndpointGarbled)
                if now >= deadline or garbled >= self.garbled:
                    raise Fault(_said(error)) from error
                asked = min(getattr(error, "after", 0.0), self.longest_wait)
            drawn = wait * random.uniform(0.5, 1.0)
            await asyncio.sleep(min(max(drawn, asked), deadline - now))
            wait = min(2 * wait, self.longest_wait)


PATIENT = Retry()


def retry_after(value: str) -> float:
    """Seconds that a Retry-After header asks to wait for, as such or by a date; 0 for no sense."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):  # no date, or one without a time zone
            return 0.0
    return seconds if seconds > 0 else 0.0  # which NaN is not


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
