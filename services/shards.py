"""A list in parts, so that many machines share its work; put together, the parts are the list.

Work in parts is prepared, done part by part, and gathered. One process has the whole as its part.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from services.engines import EngineSettings

T = TypeVar("T")
Work = Callable[["Shard", int], None]
"""Does a part, given how often it was tried before; what it finds is in files."""

log = logging.getLogger(__name__)


class SpoiledError(OSError):
    """The engine failed in some dialogues of a part; tried again, those alone are played."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of so many parts; parts follow one another, and none is longer by more than one item."""

    index: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index + 1} of {self.count}"

    @property
    def name(self) -> str:
        """For the files of this part; empty where there are no others."""
        return f"{self.index + 1}-of-{self.count}" if self.count > 1 else ""

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """The items of this part."""
        first, end = (len(items) * bound // self.count for bound in (self.index, self.index + 1))
        return items[first:end]

    def endpoints(self, engine: EngineSettings, attempt: int = 0) -> EngineSettings:
        """The engine for this part alone: of several endpoints, those that are its own.

        Args:
            attempt: How often it was tried before; each time its endpoints are others.
        """
        if not engine.urls:
            return engine
        turn = attempt % len(engine.urls)
        urls = (*engine.urls[turn:], *engine.urls[:turn])
        its_own = urls[self.index :: self.count] or (urls[self.index % len(urls)],)
        return replace(engine, urls=its_own)


WHOLE = Shard()


def shards(count: int) -> list[Shard]:
    """All parts, in their order."""
    return [Shard(index, count) for index in range(count)]


def in_this_process(work: Work) -> None:
    """Do the whole as one part. What the engine failed in is judged when the parts are gathered."""
    try:
        work(WHOLE, 0)
    except SpoiledError as error:
        log.warning("%s", error)
