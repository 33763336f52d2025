"""The four read-only databases of a world, searched by meaning (v2) or by exact text (parity)."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

from dialogue.files import write_whole
from toolwoz.world.domains import DOMAINS, ENTITY_KEY, SHOWN_SLOTS, Row
from toolwoz.world.index import Index, RowMask, positions
from toolwoz.world.values import canonical, plain

# Words that people leave out of, or add to, the name of a place.
_GENERIC: Final = frozenset({"the", "restaurant", "hotel", "cambridge"})


class Database:
    """Rows per domain with their indexes. Build it with :meth:`from_rows` or :meth:`load`.

    Attributes:
        rows: Per domain, the rows as the source has them, in its order.
    """

    def __init__(self, rows: Mapping[str, Sequence[Row]]) -> None:
        missing = [domain for domain in DOMAINS if not rows.get(domain)]
        if missing:
            raise ValueError(f"the database has no rows for {', '.join(missing)}")
        self.rows: Mapping[str, tuple[Row, ...]] = {d: tuple(rows[d]) for d in DOMAINS}
        self._loose = {d: Index(self.rows[d], canonical, times="inclusive") for d in DOMAINS}
        self._shown = {d: [_shown(d, row) for row in self.rows[d]] for d in DOMAINS}
        self._spellings = {d: _spellings(self.rows[d]) for d in DOMAINS}

    @cached_property
    def _exact(self) -> Mapping[str, Index]:
        return {d: Index(self.rows[d], lambda _, v: v, times="strict") for d in DOMAINS}

    @cached_property
    def _equal(self) -> Mapping[str, Index]:
        return {d: Index(self.rows[d], lambda _, v: plain(v), times="equal") for d in DOMAINS}

    @cached_property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Per domain, the rows as JSON."""
        return {
            domain: [json.dumps(row, ensure_ascii=False) for row in rows]
            for domain, rows in self.rows.items()
        }

    @classmethod
    def from_rows(cls, rows: Mapping[str, Sequence[Row]]) -> Database:
        """A database of these rows per domain.

        Raises:
            ValueError: a domain has no rows.
        """
        return cls(rows)

    def mask(self, domain: str, constraints: Mapping[str, str]) -> RowMask:
        """The rows that satisfy the constraints, values compared as :func:`canonical` does.

        leaveAt means at or after, arriveBy at or before.
        """
        return self._loose[domain].mask(constraints)

    def exact_mask(self, domain: str, constraints: Mapping[str, str]) -> RowMask:
        """The rows with exactly these values; times are strictly later or earlier."""
        return self._exact[domain].mask(constraints)

    def equal_mask(self, domain: str, constraints: Mapping[str, str]) -> RowMask:
        """The rows with these very values, times too, apart from case and apostrophes."""
        return self._equal[domain].mask(constraints)

    def search(self, domain: str, constraints: Mapping[str, str]) -> list[Row]:
        """The rows that satisfy the constraints, in database order."""
        return [self.rows[domain][i] for i in positions(self.mask(domain, constraints))]

    def shown(self, domain: str, rows: RowMask, limit: int) -> list[str]:
        """The first rows of a mask as JSON objects of :data:`SHOWN_SLOTS`."""
        texts = self._shown[domain]
        return [texts[i] for i in islice(positions(rows), limit)]

    def values(self, domain: str, slot: str) -> tuple[str, ...]:
        """Every value of a slot, sorted."""
        return tuple(sorted(self._spellings[domain].get(slot, {}).values()))

    def spelling(self, domain: str, slot: str, value: str) -> str | None:
        """How the database spells a value; None where it has no such value."""
        return self._spellings[domain].get(slot, {}).get(canonical(slot, value))

    def closest_name(self, domain: str, name: str) -> str | None:
        """The one entity whose name a person could have meant, or None.

        The same name apart from words such as "restaurant", else a near misspelling.
        """
        names = self.values(domain, ENTITY_KEY[domain])
        same = [other for other in names if _bare(other) == _bare(name)]
        near = same or difflib.get_close_matches(name.casefold(), names, n=2, cutoff=0.85)
        return near[0] if len(near) == 1 else None

    def save(self, path: Path) -> None:
        """Write one JSON file, whole or not at all."""
        write_whole(path, json.dumps(self.rows, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> Database:
        """The inverse of :meth:`save`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is no database; the message names it.
        """
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, AttributeError) as error:
            raise ValueError(f"{path} is not a database file: {error}") from error


def _shown(domain: str, row: Row) -> str:
    shown = {slot: row[slot] for slot in SHOWN_SLOTS[domain] if isinstance(row.get(slot), str)}
    # MultiWOZ marks a fact it does not have by "?".
    known = {slot: "unknown" if value == "?" else value for slot, value in shown.items()}
    return json.dumps(known, ensure_ascii=False)


def _spellings(rows: Iterable[Row]) -> dict[str, dict[str, str]]:
    spellings: dict[str, dict[str, Any]] = {}
    for row in rows:
        for slot, value in row.items():
            if isinstance(value, str):
                spellings.setdefault(slot, {}).setdefault(canonical(slot, value), value)
    return spellings


def _bare(name: str) -> frozenset[str]:
    return frozenset(name.casefold().split()) - _GENERIC
