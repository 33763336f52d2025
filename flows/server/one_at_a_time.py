"""One run at a time, of all deployments and the command line together.

They share one engine's memory and DVC's locks. The limit is Prefect's own, so it holds for every
worker of a server; the UI shows it under Concurrency, and who has the means raises it there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

LIMIT = "toolwoz-josh"
LEASE = 60.0
"""Seconds after which the place of a run whose process was killed is free again."""


def ensure_limit() -> None:
    """Create the limit, of one run, where the server has none of that name."""
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(LIMIT)
        except ObjectNotFound:
            limit = GlobalConcurrencyLimitCreate(name=LIMIT, limit=1)
            try:
                client.create_global_concurrency_limit(limit)
            except ObjectAlreadyExists:  # another run was quicker
                return


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for the run before this one, and have the next wait for this."""
    ensure_limit()
    # A server that is away for a while must not end a training of hours.
    with concurrency(
        LIMIT, lease_duration=LEASE, strict=True, raise_on_lease_renewal_failure=False
    ):
        yield
