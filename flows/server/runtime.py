"""Flows and tasks: Prefect's if a Prefect server listens, and plain functions if none does.

A stage run by `dvc repro` must not start a server or wait for one, so without a server Prefect is
not even imported. ``WOZ_PREFECT=off`` looks for no server, ``WOZ_PREFECT=server`` assumes one at
``PREFECT_API_URL``.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, TypeVar
from uuid import UUID

from dialogue.endpoints.proxies import answers, bypass_loopback

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

PARENT = "WOZ_PARENT"
"""Environment variable: id of the flow run of the pipeline that runs this stage."""
PREFECT = "WOZ_PREFECT"
LOCAL_API = "http://127.0.0.1:4200/api"


def flow(function: Callable[P, R]) -> Callable[P, R]:
    """A stage: one Prefect flow run per call while :func:`is_tracked`."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not is_tracked():
            return function(*args, **kwargs)
        work = _Watched(function, args, kwargs)

        def tracked() -> object:
            from prefect import flow as prefect_flow
            from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

            # The parameters are validated dataclasses. The heartbeat would be joined for a whole
            # second at the end of every flow run.
            name = os.environ.get("DVC_STAGE", function.__name__)
            run = prefect_flow(flow_run_name=name, validate_parameters=False)(work.run)
            with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), _under_the_parent():
                return run(*args, **kwargs)

        return work.under(tracked)

    return call


def task(function: Callable[P, R], *, retries: int = 0, delay: float = 5) -> Callable[P, R]:
    """A part of a stage: one Prefect task run per call while :func:`is_tracked`.

    Args:
        function: The work; the task has its name.
        retries: Number of further attempts, for faults that pass by themselves, as of a download.
        delay: Seconds before each retry.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not is_tracked():
            return function(*args, **kwargs)
        work = _Watched(function, args, kwargs)

        def tracked() -> object:
            from prefect import task as prefect_task
            from prefect.cache_policies import NO_CACHE  # DVC is the only cache

            made = prefect_task(retries=retries, retry_delay_seconds=delay, cache_policy=NO_CACHE)
            return made(work.run)(*args, **kwargs)

        return work.under(tracked)

    return call


class _Watched(Generic[R]):
    """Work that Prefect looks on at: a server that dies changes nothing of its outcome.

    Attributes:
        run: The work, for Prefect to call; what it returned or raised last is kept.
    """

    def __init__(
        self, function: Callable[..., R], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        self._outcome: Callable[[], R] = lambda: function(*args, **kwargs)  # it has not begun
        self._error: BaseException | None = None

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> R:
            self._error = None
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # Ctrl-C too: always raised again
                self._error = error
                raise
            self._outcome = lambda: result
            return result

        self.run = run

    def under(self, tracked: Callable[[], object]) -> R:
        """The outcome of the work, which ``tracked`` has Prefect run."""
        try:
            tracked()
        except Exception as error:
            if error is not self._error:
                _lose(error)
        if self._error:
            raise self._error
        return self._outcome()


def _lose(error: Exception) -> None:
    """Go on without the server, in this process and its children."""
    if is_tracked():  # said once
        line = (str(error).splitlines() or [""])[0]
        log.warning("Prefect is lost, the work goes on (%s: %s)", type(error).__name__, line)
    os.environ[PREFECT] = "off"
    is_tracked.cache_clear()


@functools.cache
def is_tracked() -> bool:
    """Whether a Prefect server records runs; looked up once per process, until it is lost."""
    mode = os.environ.get(PREFECT, "auto")
    if mode not in ("auto", "off", "server"):
        raise ValueError(f"{PREFECT}={mode}: expected auto, off or server")
    if mode == "auto":
        api = os.environ.get("PREFECT_API_URL", LOCAL_API)
        if not listens(api):
            return False
        os.environ["PREFECT_API_URL"] = api
    if mode != "off":
        bypass_loopback()
        _send_our_logs()
    return mode != "off"


def listens(api: str) -> bool:
    """Whether a Prefect server answers at that address within a second."""
    return answers(f"{api.rstrip('/')}/health")


def child_environment() -> dict[str, str]:
    """Environment that makes the flow of a subprocess a child of the running flow.

    It has the server's address, as Prefect may have started a server for this process alone.
    """
    from prefect import get_client
    from prefect.runtime import flow_run

    api = get_client(sync_client=True).api_url
    return {PARENT: str(flow_run.id), PREFECT: "server", "PREFECT_API_URL": str(api)}


@contextmanager
def _under_the_parent() -> Iterator[None]:
    """Make the next flow a subflow of the pipeline's run, which lives in another process.

    Prefect's own task runners use ``hydrated_context`` across process boundaries.
    """
    parent = os.environ.get(PARENT)
    if parent is None:
        yield
        return
    from prefect import Flow, get_client
    from prefect.context import hydrated_context
    from prefect.results import ResultStore

    def pipeline() -> None: ...

    context = {
        "flow": Flow(pipeline),
        "flow_run": get_client(sync_client=True).read_flow_run(UUID(parent)),
        "parameters": {},
        "log_prints": False,
        "persist_result": False,
        "result_store": ResultStore(),
    }
    with hydrated_context({"flow_run_context": context}):
        yield


def _send_our_logs() -> None:
    """Have Prefect show our loggers' lines; it reads the variables when it is imported."""
    os.environ.setdefault(
        "PREFECT_LOGGING_EXTRA_LOGGERS", "dialogue,flows,josh,services,tasks,toolwoz,worlds"
    )
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    # Of five retries of each request, a server that died would cost minutes.
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "1")
