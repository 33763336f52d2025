"""A database that is shared until it is written to, and then copied record by record."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Record = Any
"""A pydantic model of the package: an order, a user, a flight."""
Place = tuple[str, str]
"""Table and id of a record."""


@dataclass(frozen=True, slots=True)
class Database:
    """A state of a domain's database; frozen, so that forks share it.

    Attributes:
        base: The package's own, as it was loaded; nobody changes it.
        changed: The records that differ from it.
    """

    base: Any
    changed: Mapping[Place, Record] = field(default_factory=dict)

    def reading(self) -> Any:
        """The package's kind of database, to be read only: nothing is copied."""
        return self._view({name: Table(self, name) for name in self._tables()})

    def writing(self) -> Draft:
        """A draft of the next state."""
        tables = {name: WritableTable(self, name) for name in self._tables()}
        return Draft(self, self._view(tables), tables)

    def get(self, place: Place) -> Record | None:
        """A record, or None where there is none."""
        table, name = place
        return self.changed.get(place) or getattr(self.base, table).get(name)

    def _tables(self) -> list[str]:
        return list(type(self.base).model_fields)

    def _view(self, tables: Mapping[str, Table]) -> Any:
        return type(self.base).model_construct(**tables)  # validated already, when it was loaded


class Table(Mapping[str, Record]):
    """One table of a state; looks like the dictionary that the package's tools expect."""

    def __init__(self, database: Database, name: str) -> None:
        self.database = database
        self.name = name
        self.base: Mapping[str, Record] = getattr(database.base, name)

    def __getitem__(self, key: str) -> Record:
        return self.database.changed.get((self.name, key)) or self.base[key]

    def __contains__(self, key: object) -> bool:
        return key in self.base or (self.name, key) in self.database.changed

    def __iter__(self) -> Iterator[str]:
        yield from self.base
        for table, key in self.database.changed:
            if table == self.name and key not in self.base:
                yield key

    def __len__(self) -> int:
        return sum(1 for _ in self)


class WritableTable(Table):
    """Hands out copies: the tools change records in place."""

    def __init__(self, database: Database, name: str) -> None:
        super().__init__(database, name)
        self.copies: dict[str, Record] = {}

    def __getitem__(self, key: str) -> Record:
        if key not in self.copies:
            self.copies[key] = copy.deepcopy(super().__getitem__(key))
        return self.copies[key]

    def __setitem__(self, key: str, record: Record) -> None:
        self.copies[key] = record

    def __contains__(self, key: object) -> bool:
        return key in self.copies or super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        yield from super().__iter__()
        for key in self.copies:
            if not super().__contains__(key):
                yield key


@dataclass(frozen=True, slots=True)
class Draft:
    """A state being written: ``view`` is what a tool may change."""

    before: Database
    view: Any
    tables: Mapping[str, WritableTable]

    def finish(self) -> Written:
        """The next state. What was only looked at, or changed to what it was, is not kept."""
        places = {
            (name, key): record
            for name, table in self.tables.items()
            for key, record in table.copies.items()
            if record != self.before.get((name, key))
        }
        if not places:
            return Written(self.before, frozenset())
        after = Database(self.before.base, {**self.before.changed, **places})
        return Written(after, frozenset(places))


@dataclass(frozen=True, slots=True)
class Written:
    """A state after a write, and the records that it changed."""

    database: Database
    places: frozenset[Place]
