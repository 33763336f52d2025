"""Long work: many jobs, a number of them at once, and the progress: a bar, a log, and listeners.

Listeners are told twenty times, however much there is to do: hours and seconds both draw a curve.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar

from tqdm import tqdm

LOG_EVERY = 30.0
"""Seconds between two lines of the log."""
TOLD = 20
"""How often a listener is told."""
NOTHING: Mapping[str, Any] = MappingProxyType({})
log = logging.getLogger(__name__)

Job = TypeVar("Job")
Result = TypeVar("Result")


class Progress:
    """How far a piece of work is, and how it goes. Use it in a ``with`` block.

    Args:
        label: Name of the work.
        total: Items to do.
        done: Items that were done before.
        listeners: Called with this object, now and then.
    """

    def __init__(
        self, label: str, total: int, done: int = 0, listeners: Sequence[Listener] = ()
    ) -> None:
        self.label = label
        self.total = total
        self.done = done
        self._listeners = listeners
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._measured: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        # None: no bar where stderr is no terminal.
        self._bar = tqdm(total=total, initial=done, desc=label, disable=None, dynamic_ncols=True)
        self._logged = time.monotonic()

    @property
    def share(self) -> float:
        """Share that is done, 0 to 1."""
        return self.done / max(1, self.total)

    @property
    def figures(self) -> dict[str, float]:
        """Means and counts so far, by name."""
        means = {name: self._sums[name] / count for name, count in self._measured.items()}
        return {**means, **self._counts}

    def advance(
        self, means: Mapping[str, float] = NOTHING, counts: Mapping[str, int] = NOTHING
    ) -> None:
        """One more item is done.

        Args:
            means: Figures of it, of which the mean is shown over all items that have them.
            counts: Figures of it that are added up.
        """
        told = self._steps()
        self.done += 1
        self._measured.update(means.keys())
        for name, value in means.items():
            self._sums[name] += value
        self._counts.update(counts)
        self._bar.set_postfix_str(self._notes(), refresh=False)
        self._bar.update()
        if time.monotonic() - self._logged > LOG_EVERY:
            self._log()
        if self._steps() > told:
            for listener in self._listeners:
                listener(self)

    def __str__(self) -> str:
        notes = self._notes()
        return f"{self.label}: {self.done} of {self.total}{notes and ', '}{notes}"

    def _steps(self) -> int:
        return TOLD * self.done // max(1, self.total)

    def _notes(self) -> str:
        means = {name: f"{self._sums[name] / n:.3f}" for name, n in self._measured.items()}
        counts = {name: str(count) for name, count in self._counts.items() if count}
        return ", ".join(f"{name} {value}" for name, value in {**means, **counts}.items())

    def _log(self) -> None:
        if self._bar.disable:
            log.info("%s", str(self))
            self._logged = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
        self._log()


Listener = Callable[[Progress], object]


def any_terminal() -> None:
    """Have what this process prints escaped where the terminal has no letter for it.

    Python does so for stderr; a command's first act is to ask for it for stdout.
    """
    # No isinstance: colorama, which DVC starts, puts a wrapper around the stream.
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="backslashreplace")


async def play_all(
    jobs: Iterable[Job],
    play: Callable[[Job], Awaitable[Result]],
    finished: Callable[[Result], object],
    concurrency: int,
) -> None:
    """Play jobs, a bounded number at any time.

    Args:
        jobs: Each goes to the first worker that is free.
        play: Its result says it where a job failed: an exception ends all of them.
        finished: Called with each result as soon as it is there.
        concurrency: Workers; in effect, an engine's batch.
    """
    queue = iter(jobs)

    async def worker() -> None:
        for job in queue:
            finished(await play(job))

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())
