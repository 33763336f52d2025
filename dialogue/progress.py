"""Progress of long work: a bar on a terminal, a log line now and then anywhere else."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

LOG_EVERY_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Advance(Protocol):
    """Called once a finished item, with a few words on how things stand."""

    def __call__(self, note: str = "") -> None: ...


@contextmanager
def progress(label: str, total: int, done: int = 0) -> Iterator[Advance]:
    """Show ``label`` advancing to ``total`` items, of which ``done`` were finished before."""
    if not sys.stderr.isatty():
        yield _logging(label, total, done)
        return
    with tqdm(total=total, initial=done, desc=label, dynamic_ncols=True) as bar:

        def advance(note: str = "") -> None:
            bar.set_postfix_str(note, refresh=False)
            bar.update()

        yield advance


def _logging(label: str, total: int, done: int) -> Advance:
    last = time.monotonic()

    def advance(note: str = "") -> None:
        nonlocal done, last
        done += 1
        if done == total or time.monotonic() - last >= LOG_EVERY_SECONDS:
            last = time.monotonic()
            _log.info("%s: %d of %d%s", label, done, total, note and f", {note}")

    return advance
