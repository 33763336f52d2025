"""The limit of one run at a time, for all deployments and the command line together.

Runs share the memory of an engine and DVC's locks. The limit is Prefect's own, so it holds for all
workers of a server; it can be raised in the UI under Concurrency.
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
"""Seconds until the place of a run whose process was killed is free again."""


def ensure_limit() -> None:
    """Create the limit of one run, unless the server already has the limit."""
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
    """Wait for the run before this one, and make the next one wait."""
    ensure_limit()
    # A server that is down for a while must not end a training of hours.
    with concurrency(
        LIMIT, lease_duration=LEASE, strict=True, raise_on_lease_renewal_failure=False
    ):
        yield
