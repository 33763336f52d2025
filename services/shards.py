"""A list in parts, so that many machines share its work; put together, the parts are the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


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


WHOLE = Shard()


def shards(count: int) -> list[Shard]:
    """All parts, in their order."""
    return [Shard(index, count) for index in range(count)]
