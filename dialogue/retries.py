"""HTTP that survives a busy or restarting server: exponential backoff with full jitter."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retries:
    """When to try again, and how long to wait before.

    Attributes:
        attempts: Requests in all.
        backoff: Seconds; the wait before retry n is uniform in [0, backoff * 2**n], so that
            clients that failed together do not come back together.
        longest: Seconds no wait exceeds, whatever the server's Retry-After says.
    """

    attempts: int = 6
    backoff: float = 0.5
    longest: float = 60.0

    async def send(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        """The response, of any status; of the last attempt if all asked for another.

        Raises:
            httpx.TransportError: the last attempt got no response.
        """
        for attempt in range(self.attempts - 1):
            try:
                response = await client.send(request)
            except httpx.TransportError as error:
                reason, asked = repr(error), 0.0
            else:
                if not (response.status_code == 429 or response.status_code >= 500):
                    return response
                reason, asked = f"status {response.status_code}", _retry_after(response)
            wait = min(max(asked, random.uniform(0, self.backoff * 2**attempt)), self.longest)
            _log.info("attempt %d failed, %s; next one in %.1f s", attempt + 1, reason, wait)
            await asyncio.sleep(wait)
        return await client.send(request)


PATIENT = Retries()


def _retry_after(response: httpx.Response) -> float:
    """Seconds the server asks to wait for, given as such or as a date; 0 where it does not."""
    value = response.headers.get("retry-after", "")
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a time zone
        return 0.0
