"""The log file of an engine: the records of its library, and its end for an error message."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LAST_LINES = 15


@contextmanager
def records_in(path: Path, library: str) -> Iterator[None]:
    """Send a library's log records to the file in place of the console."""
    logger = logging.getLogger(library)
    before = logger.level, logger.propagate, logger.handlers
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        handler.close()
        logger.setLevel(before[0])
        logger.propagate, logger.handlers = before[1:]


def last_words(log: Path) -> str:
    """The end of an engine's log, for an error message."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([f"the last lines of {log}:", *(f"  {line}" for line in lines or ["(empty)"])])
