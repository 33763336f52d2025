"""The effect of a call on the database, in a form in which two calls can be compared.

An effect must not depend on what else was done before: balances and seats count as differences,
histories by what was appended, and names that the world makes up (of a new reservation) not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from worlds.tau_bench.database import Database, Written

RUNNING_TOTALS: Final = frozenset({"balance", "amount", "available_seats"})
"""Fields, or groups of fields, that calls add to and take from."""


def effect(before: Database, written: Written) -> str:
    """The effect of a write as canonical JSON; "" if it changed nothing."""
    if not written.places:
        return ""
    new: set[str] = set()
    changes = {
        f"{table}/{name}": _record_change(before, written, (table, name), new)
        for table, name in sorted(written.places)
    }
    text = json.dumps(changes, sort_keys=True, default=str)
    for name in new:
        text = text.replace(json.dumps(name)[1:-1], "(new)")
    return text


def _record_change(
    before: Database, written: Written, place: tuple[str, str], new: set[str]
) -> Any:
    was: Any = before.get(place)
    now: Any = written.database.get(place)
    if was is None:
        new.add(place[1])
        return {"made": now.model_dump()}
    return _change(was.model_dump(), now.model_dump(), new, running=False)


def _change(was: Any, now: Any, new: set[str], *, running: bool) -> Any:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return _field_changes(was, now, new, running=running)
    if isinstance(was, list) and isinstance(now, list) and now[: len(was)] == was:
        return {"appended": now[len(was) :]}
    if running and isinstance(was, int | float) and isinstance(now, int | float):
        return {"added": round(now - was, 2)}
    return {"set": now}


def _field_changes(
    was: Mapping[str, Any], now: Mapping[str, Any], new: set[str], *, running: bool
) -> Any:
    changes: dict[str, Any] = {}
    for name in {**was, **now}:
        if name not in now:
            changes[name] = "gone"
        elif name not in was:
            new.add(name)
            changes[name] = {"made": now[name]}
        elif was[name] != now[name]:
            total = running or name in RUNNING_TOTALS
            changes[name] = _change(was[name], now[name], new, running=total)
    return changes
