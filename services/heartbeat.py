"""Long work of a library, where no terminal shows its bar: a log line now and then."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread

EVERY = 30.0
log = logging.getLogger(__name__)


@contextmanager
def saying(what: Callable[[], str], every: float = EVERY) -> Iterator[None]:
    """Say what goes on and for how long, while the body runs; nothing where a bar is seen.

    Args:
        what: Called for each line, in a thread of its own.
        every: Seconds between two lines; shorter work says nothing.
    """
    if sys.stderr.isatty() or os.environ.get("RANK", "0") != "0":  # one of several processes
        yield
        return
    began, ended = time.monotonic(), Event()

    def say() -> None:
        while not ended.wait(every):
            log.info("%s, for %.0f s so far", what(), time.monotonic() - began)

    # Prefect finds the run that a line belongs to in the context.
    thread = Thread(target=copy_context().run, args=(say,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
