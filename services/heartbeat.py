"""Heartbeat: log lines during long work, where no terminal shows a progress bar."""

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
"""Seconds between two lines."""
log = logging.getLogger(__name__)


@contextmanager
def heartbeat(what: Callable[[], str], every: float = EVERY) -> Iterator[None]:
    """Log the work and its duration while the body runs; nothing where a bar is shown.

    Args:
        what: Returns the description of the work; called in another thread for each line.
        every: Seconds between two lines; shorter work logs nothing.
    """
    if sys.stderr.isatty() or os.environ.get("RANK", "0") != "0":  # one of several processes
        yield
        return
    began, ended = time.monotonic(), Event()

    def beat() -> None:
        while not ended.wait(every):
            log.info("%s, for %.0f s so far", what(), time.monotonic() - began)

    # Prefect finds the run that a line belongs to in the context.
    thread = Thread(target=copy_context().run, args=(beat,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
