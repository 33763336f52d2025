"""Parts of harvest and evaluation, done in this process or by Dask's workers on many machines.

Dask is imported only if the section `scale` has shards; `pip install 'toolwoz-josh[scale]'`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dialogue.bounds import Amount, Count
from flows.server import runtime
from services.shards import Work, in_this_process, shards

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScaleConfig:
    """The section ``scale``: the workers of harvest and evaluate, on which no result depends.

    Attributes:
        shards: Number of parts of the scenarios, one task each; 0 does all work in this process.
            Several per worker balance the load better, but each opens its own engine.
        workers: Number of worker processes to start here while the stage runs.
        address: Address of a running Dask scheduler, as ``tcp://node-0:8786``, whose workers to
            use; all of them must have been started in this folder, which they share.
        retries: Number of further attempts of a shard. Each continues the work of the one before.
        retry_delay: Seconds before each retry.
    """

    shards: Count = 0
    workers: Count = 0
    address: str = ""
    retries: Count = 3
    retry_delay: Amount = 30.0

    def __post_init__(self) -> None:
        if self.shards and bool(self.workers) == bool(self.address):
            raise ValueError("shards need either workers (started here) or an address (of Dask's)")

    @property
    def parts(self) -> int:
        """Number of parts; one if this process does all work."""
        return self.shards or 1


def over_parts(scale: ScaleConfig, stage: str, work: Work) -> None:
    """Have every part done; returns when each has succeeded or failed for good.

    Args:
        scale: The parts and the workers.
        stage: Name of the stage, for the names of the tasks.
        work: Does a part. It writes its results to files, where the caller finds what is missing
            of a part that failed.

    Raises:
        RuntimeError: Dask is not installed.
        OSError: no scheduler answers at the address.
        Exception: in this process, any error of the work except
            :class:`services.shards.SpoiledError`.
    """
    if scale.shards:
        _on_workers(scale, stage, work)
    else:
        runtime.task(in_this_process)(work)


def _on_workers(scale: ScaleConfig, stage: str, work: Work) -> None:
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise RuntimeError(
            "scale.shards needs Dask: pip install 'toolwoz-josh[scale]', or set scale.shards to 0"
        ) from error
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE  # DVC is the only cache

    runner = DaskTaskRunner(**_cluster(scale))
    one = task(
        name=f"{stage} shard",
        task_run_name="{shard}",
        retries=scale.retries,
        retry_delay_seconds=scale.retry_delay,
        cache_policy=NO_CACHE,
    )(work)

    def all_shards() -> None:
        waiting = {shard: one.submit(shard) for shard in shards(scale.shards)}
        for shard, future in waiting.items():
            future.wait()
            if not future.state.is_completed():
                log.error("shard %s of %s failed: %s", shard, stage, future.state.message)

    with _one_server():
        flow(name=f"{stage} in shards", task_runner=runner, validate_parameters=False)(all_shards)()


def _cluster(scale: ScaleConfig) -> dict[str, Any]:
    if scale.address:
        return {"address": scale.address}
    local = {"n_workers": scale.workers, "threads_per_worker": 1, "host": "127.0.0.1"}
    # The engine's settings limit its memory; Dask's own limit would kill a worker earlier.
    return {"cluster_kwargs": {**local, "memory_limit": None, "dashboard_address": None}}


@contextmanager
def _one_server() -> Iterator[None]:
    """Have the workers report to this process's Prefect server, even a temporary one."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        get_client(sync_client=True) as client,
        temporary_settings({PREFECT_API_URL: str(client.api_url)}),
    ):
        yield
