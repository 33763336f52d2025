"""A raw corpus as three flat tables: its dialogues, the slots of their goals, its databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from toolwoz.corpus.multiwoz import Corpus, Dialogue
from toolwoz.world.domains import DOMAINS, ENTITY_KEY
from toolwoz.world.values import BOOKING_FLAGS, TIME_SLOTS, as_text, canonical, is_empty

PARTS = ("info", "fail_info", "book", "fail_book")


@dataclass(frozen=True)
class CorpusTables:
    """The tables of a corpus.

    Attributes:
        dialogues: One row per dialogue; ``booked_unknown`` counts its booked entities that are in
            no database, ``broken_turns`` its turns with an unprintable character.
        slots: One row per slot of a goal; ``in_database`` is whether any database row has the
            value, and null where none must have it (times, bookings, attempts made to fail).
        entities: One row per row of a database; ``times`` joins the clock times of a train.
    """

    dialogues: pd.DataFrame
    slots: pd.DataFrame
    entities: pd.DataFrame


def tables(corpus: Corpus) -> CorpusTables:
    """The tables of a corpus."""
    values = {domain: _values(rows) for domain, rows in corpus.databases.items()}
    return CorpusTables(
        dialogues=pd.DataFrame([_dialogue(d, values) for d in corpus.dialogues]),
        slots=pd.DataFrame([row for d in corpus.dialogues for row in _slots(d, values)]),
        entities=pd.DataFrame(list(_entities(corpus))),
    )


Values = Mapping[str, Mapping[str, set[str]]]
"""Domain -> slot -> the canonical values of its rows."""


def _values(rows: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        for slot, value in row.items():
            if isinstance(value, str):
                found.setdefault(slot, set()).add(canonical(slot, value))
    return found


def _dialogue(dialogue: Dialogue, values: Values) -> dict[str, Any]:
    goal = dialogue.goal
    return {
        "id": dialogue.id,
        "split": dialogue.split,
        "sentences": len(goal.get("message") or ()),
        "domains": sum(bool(goal.get(domain)) for domain in DOMAINS),
        "turns": len(dialogue.turns),
        "broken_turns": sum(not _is_readable(turn) for turn in dialogue.turns),
        "booked_unknown": sum(
            canonical(ENTITY_KEY[domain], booking[ENTITY_KEY[domain]])
            not in values[domain][ENTITY_KEY[domain]]
            for domain, booking in dialogue.booked.items()
            if ENTITY_KEY[domain] in booking
        ),
    }


def _is_readable(turn: str) -> bool:
    return bool(turn) and turn.isprintable() and "\ufffd" not in turn


def _slots(dialogue: Dialogue, values: Values) -> Iterator[dict[str, Any]]:
    for domain in DOMAINS:
        for part in PARTS:
            for slot, value in ((dialogue.goal.get(domain) or {}).get(part) or {}).items():
                if slot in BOOKING_FLAGS or is_empty(value):
                    continue
                text = as_text(value) or str(value)
                # An attempt may be made to fail, and a time is a bound: neither must be in a row.
                listed = values[domain].get(slot) if part == "info" else None
                yield {
                    "id": dialogue.id,
                    "part": part,
                    "slot": f"{domain}.{slot}",
                    "value": text,
                    "in_database": None
                    if listed is None or slot in TIME_SLOTS
                    else canonical(slot, text) in listed,
                    "time": canonical(slot, text) if slot in TIME_SLOTS else None,
                }


def _entities(corpus: Corpus) -> Iterator[dict[str, Any]]:
    for domain, rows in corpus.databases.items():
        key = ENTITY_KEY[domain]
        for number, row in enumerate(rows):
            times = [str(row.get(slot)) for slot in ("leaveAt", "arriveBy")]
            yield {
                "row": f"{domain}_db[{number}]",
                "domain": domain,
                "key": row.get(key),
                "identity": f"{row.get(key)} {row.get('day', '')} {row.get('leaveAt', '')}".strip(),
                "times": " ".join(times) if domain == "train" else None,
            }
