"""A real Prefect server with a database of its own, started once for the tests that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """The address of its API; this process's Prefect uses it."""
    from prefect import get_client
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    # The heartbeat would be joined for a whole second at the end of every flow run.
    quick = temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with quick, prefect_test_harness(server_startup_timeout=300):
        yield str(get_client(sync_client=True).api_url)
