"""Child processes that do not outlive their parent: each leads a group, and the group is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

GRACE = 10.0
"""Seconds between asking and killing: dvc ends at once, the Python below it may take longer, and a
vLLM server that still loads does not listen."""


@contextmanager
def reaped(live: Collection[subprocess.Popen[Any]], grace: float = GRACE) -> Iterator[None]:
    """End the process group of each of `live` on the way out; each must lead a session."""
    try:
        yield
    finally:
        for process in list(live):
            end_group(process, grace)


def end_group(process: subprocess.Popen[Any], grace: float = GRACE) -> None:
    """Send SIGTERM to the group, and SIGKILL to the rest of it after the grace time in seconds."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            process.poll()  # else the leader stays a zombie, and its group alive
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
