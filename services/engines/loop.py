"""Batching: many concurrent callers share one engine that steps a batch."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Protocol, Self

from dialogue.errors import EngineError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample of an engine for one prompt.

    Attributes:
        token_ids: Sampled tokens, the end token included if there was one.
        logprobs: Log-probability of each token; empty if the engine gives none.
        finish_reason: ``stop`` or ``length``.
        cached_tokens: Number of prompt tokens that came from the prefix cache.
    """

    token_ids: Sequence[int]
    logprobs: Sequence[float] = ()
    finish_reason: str = "stop"
    cached_tokens: int = 0


class TokenEngine(Protocol):
    """An engine in this process. All its methods are called from one thread."""

    def add(
        self, key: int, prompt: Sequence[int], seed: int, adapter: str = "", tag: str = ""
    ) -> None:
        """Add a request to the batch, for the base or, by its name, an adapter.

        A structural tag, where there is one, holds the answer's calls to their schemas.
        """
        ...

    def abort(self, key: int) -> None:
        """Drop a request whose caller was cancelled."""
        ...

    def step(self) -> Mapping[int, Sample]:
        """Do one step; returns the samples of the requests that are finished."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Request:
    key: int
    prompt: Sequence[int]
    seed: int
    adapter: str
    tag: str
    answer: Future[Sample]


class EngineLoop:
    """Runs an engine in another thread and adds the requests of all callers to its batch.

    Args:
        start: Makes the engine, in that thread.
    """

    def __init__(self, start: Callable[[], TokenEngine]) -> None:
        self._inbox: SimpleQueue[_Request | None] = SimpleQueue()
        self._keys = itertools.count()
        self._waiting: dict[int, _Request] = {}  # touched by the engine's thread only
        self._lock = threading.Lock()  # between "is it still running?" and the inbox
        self._closed_because = ""  # empty while it takes requests
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        try:
            self._engine = self._thread.submit(start).result()
            self._serving = self._thread.submit(self._serve)
        except BaseException:  # Ctrl-C while it loads, too: the thread must not outlive us
            self._thread.shutdown()
            raise
        self._serving.add_done_callback(self._fail_everyone)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop after the current step; requests that still wait fail with an EngineError."""
        self._inbox.put(None)
        self._thread.submit(self._engine.close).result()
        self._thread.shutdown()

    async def sample(
        self, prompt: Sequence[int], seed: int, adapter: str = "", tag: str = ""
    ) -> Sample:
        """Sample an answer. A caller that is cancelled takes its request out of the batch.

        Raises:
            EngineError: the engine is closed, or died.
        """
        request = _Request(next(self._keys), prompt, seed, adapter, tag, Future())
        with self._lock:
            if self._closed_because:
                raise EngineError(self._closed_because)
            self._inbox.put(request)
        return await asyncio.wrap_future(request.answer)

    def _serve(self) -> None:
        while self._take_in():
            for key in [key for key, r in self._waiting.items() if r.answer.cancelled()]:
                del self._waiting[key]
                self._engine.abort(key)
            for key, sample in self._engine.step().items() if self._waiting else ():
                answer = self._waiting.pop(key).answer
                if answer.set_running_or_notify_cancel():
                    answer.set_result(sample)

    def _take_in(self) -> bool:
        """Add new requests to the engine, waiting for one if it is idle; False: stop."""
        try:
            while (request := self._inbox.get(block=not self._waiting)) is not None:
                self._waiting[request.key] = request
                self._engine.add(
                    request.key, request.prompt, request.seed, request.adapter, request.tag
                )
        except Empty:
            return True
        return False

    def _fail_everyone(self, serving: Future[None]) -> None:
        error = serving.exception()
        if error is not None:
            log.error("the engine died", exc_info=error)
        with self._lock:
            self._closed_because = (
                f"the engine died: {error!r}" if error else "the engine was closed"
            )
        requests = list(self._waiting.values())
        while not self._inbox.empty():
            if (request := self._inbox.get()) is not None:
                requests.append(request)
        for request in requests:
            if request.answer.set_running_or_notify_cancel():
                request.answer.set_exception(EngineError(self._closed_because))
