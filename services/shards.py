"""A list in parts, so that many machines share its work; put together, the parts are the list.

Work in parts is prepared, done part by part, and gathered. One process has the whole as its part.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Work = Callable[["Shard"], None]
"""A function that does a part and writes its results to files."""

log = logging.getLogger(__name__)


class SpoiledError(OSError):
    """The engine failed in some dialogues of a part; a further attempt plays only these."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several consecutive parts; their lengths differ by one item at most."""

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


WHOLE = Shard()


def shards(count: int) -> list[Shard]:
    """All parts, in their order."""
    return [Shard(index, count) for index in range(count)]


def in_this_process(work: Work) -> None:
    """Do all work as one part; gathering decides whether the engine failed too often."""
    try:
        work(WHOLE)
    except SpoiledError as error:
        log.warning("%s", error)
