"""An index of database rows: a bit mask per (slot, value); a search ANDs the masks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import or_
from typing import Final, Literal

from toolwoz.world.domains import Row

Times = Literal["inclusive", "strict", "equal"]
RowMask = int
"""A set of rows as an integer: bit i stands for row i."""

_TIMES: Final[tuple[str, ...]] = ("leaveAt", "arriveBy")
# Values come from a model, so the cache must be bounded.
_CACHE_SIZE: Final = 1 << 14


class Index:
    """Rows by value. Built once, never changed, shared by every episode.

    Args:
        rows: The rows of one database, in the order answers list them.
        key: Maps ``(slot, value)`` to the form in which values are compared; times sort as text.
        times: How leaveAt and arriveBy compare: as bounds that include the given time itself, as
            ``strict`` bounds that exclude it, or as any other value: ``equal``.
    """

    def __init__(
        self, rows: Sequence[Row], key: Callable[[str, str], str], *, times: Times
    ) -> None:
        self._key = key
        self._strict = times == "strict"
        self._all: RowMask = (1 << len(rows)) - 1
        self._by_value: dict[str, dict[str, RowMask]] = {}
        for i, row in enumerate(rows):
            for slot, value in row.items():
                if isinstance(value, str):
                    masks = self._by_value.setdefault(slot, {})
                    form = key(slot, value)
                    masks[form] = masks.get(form, 0) | 1 << i
        bounds = () if times == "equal" else _TIMES
        self._times = {s: _Timeline(self._by_value[s]) for s in bounds if s in self._by_value}
        self._with = lru_cache(maxsize=_CACHE_SIZE)(self._rows_with)

    def mask(self, constraints: Mapping[str, str]) -> RowMask:
        """The rows that satisfy every constraint. A slot no row has is satisfied by none."""
        rows = self._all
        for slot, value in constraints.items():
            rows &= self._with(slot, value)
        return rows

    def _rows_with(self, slot: str, value: str) -> RowMask:
        form = self._key(slot, value)
        timeline = self._times.get(slot)
        if timeline is None:
            return self._by_value.get(slot, {}).get(form, 0)
        if slot == "leaveAt":
            return timeline.after(form, strict=self._strict)
        return timeline.before(form, strict=self._strict)


class _Timeline:
    """Masks of the rows before and after each time of one slot."""

    def __init__(self, masks: Mapping[str, RowMask]) -> None:
        self._times = sorted(masks)
        ordered = [masks[time] for time in self._times]
        self._until: list[RowMask] = [0, *accumulate(ordered, or_)]
        self._since: list[RowMask] = [0, *accumulate(reversed(ordered), or_)][::-1]

    def after(self, time: str, *, strict: bool) -> RowMask:
        return self._since[(bisect_right if strict else bisect_left)(self._times, time)]

    def before(self, time: str, *, strict: bool) -> RowMask:
        return self._until[(bisect_left if strict else bisect_right)(self._times, time)]


def positions(mask: RowMask) -> Iterator[int]:
    """The row numbers of a mask, in ascending order."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
