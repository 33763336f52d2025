"""Goal calls: the tool calls that fulfil a MultiWOZ goal, in both modes.

Both modes keep numbers, flags and lists of one as text; a value that is null is no constraint; any
other list or object drops the dialogue, with the value's place as the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from toolwoz.corpus.readers.dialogue import Dialogue
from toolwoz.world.database import Database
from toolwoz.world.domains import DOMAINS, ENTITY_KEY
from toolwoz.world.index import positions
from toolwoz.world.scenario import Goal
from toolwoz.world.values import (
    BOOKING_FLAGS,
    FLAG_SLOTS,
    MULTIWOZ_EMPTY,
    NUMBER_SLOTS,
    TIME_SLOTS,
    as_text,
    canonical,
    is_empty,
)

_OPENING: Final = re.compile(
    r"looking for (?:an? |some )?(?:particular )?"
    r"(train|hotel|place to stay|restaurant|place to dine|attraction|places to go)"
)
_SPOKEN: Final = {
    "place to stay": "hotel",
    "place to dine": "restaurant",
    "places to go": "attraction",
}
_MISTAKEN: Final = {"hotel": "postcode", "train": "arriveBy", "restaurant": "location"}
"""The column that the published environment takes for the key of an entity: its columns have the
names of others there."""
_TAG: Final = re.compile(r"<[^<>]*>")


class GoalError(ValueError):
    """A goal has a value that cannot be a slot's; the message names its place."""


def instructions(goal: Mapping[str, Any]) -> tuple[str, ...]:
    """The sentences of the goal text, without markup."""
    message = goal.get("message") or ()
    lines = [message] if isinstance(message, str) else message
    plain = (" ".join(_TAG.sub("", line).split()) for line in lines)
    return tuple(line for line in plain if line)


def domains(goal: Mapping[str, Any]) -> list[str]:
    """The goal's domains in the order in which its text mentions them."""
    said = _OPENING.findall(" ".join(instructions(goal)))
    order = {_SPOKEN.get(name, name): i for i, name in reversed(list(enumerate(said)))}
    return sorted((d for d in DOMAINS if goal.get(d)), key=lambda d: order.get(d, len(said)))


def requests(goal: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The slots whose value the user asks for, per domain."""
    return {d: tuple(goal[d]["reqt"]) for d in domains(goal) if goal[d].get("reqt")}


def parity_goals(dialogue: Dialogue, database: Database) -> Iterator[Goal]:
    """The goal calls of mode parity: values as written, a booking only where the human made one.

    Raises:
        GoalError: a value of the goal is not one value.
    """
    for domain in domains(dialogue.goal):
        part = dialogue.goal[domain]
        if part.get("info"):
            yield Goal(
                id=f"search_{domain}",
                tool=f"search_{domain}",
                arguments=_slots(domain, part, "info"),
                first_try=_slots(domain, part, "fail_info"),
            )
        booked = dialogue.booked.get(domain)
        if part.get("book") and booked:
            yield Goal(
                id=f"book_{domain}",
                tool=f"book_{domain}",
                arguments=_slots(domain, part, "book"),
                entity=_published_entity(database, domain, booked, _slots(domain, part, "info")),
                first_try=_slots(domain, part, "fail_book"),
            )


def _published_entity(
    database: Database, domain: str, booked: Mapping[str, str], wanted: Mapping[str, str]
) -> dict[str, str]:
    """The entity that a booking names; else a value of the first row that the goal finds."""
    key = ENTITY_KEY[domain]
    if booked.get(key, "") not in MULTIWOZ_EMPTY:
        return {key: booked[key]}
    said = {slot: value for slot, value in wanted.items() if value not in MULTIWOZ_EMPTY}
    first = next(positions(database.exact_mask(domain, said)), None) if said else None
    row = {} if first is None else database.rows[domain][first]
    mistaken = row.get(_MISTAKEN[domain])
    return {} if mistaken is None else {key: str(mistaken)}


def v2_goals(dialogue: Dialogue, database: Database) -> Iterator[Goal]:
    """The goal calls of mode v2: values as the database spells them, empty ones left out.

    A first try is kept only where it fails: MultiWOZ has ``fail_info`` that equals the goal or that
    the database can satisfy, and its goal texts never mention those. A domain with a search
    accepts the booking of any entity that satisfies it.

    Raises:
        GoalError: a value of the goal is not one value.
    """
    for domain in domains(dialogue.goal):
        part = dialogue.goal[domain]
        if part.get("info"):
            first = _spelled(database, domain, _slots(domain, part, "fail_info"))
            fails = not database.mask(domain, first)
            yield Goal(
                id=f"search_{domain}",
                tool=f"search_{domain}",
                arguments=_spelled(database, domain, _slots(domain, part, "info")),
                first_try=first if fails else {},
            )
        if part.get("book"):
            slots = _spelled(database, domain, _slots(domain, part, "book"))
            first = _spelled(database, domain, _slots(domain, part, "fail_book"))
            yield Goal(
                id=f"book_{domain}",
                tool=f"book_{domain}",
                arguments=slots,
                entity={} if part.get("info") else _entity(dialogue, database, domain),
                first_try={s: value for s, value in first.items() if slots.get(s) != value},
            )


def _entity(dialogue: Dialogue, database: Database, domain: str) -> dict[str, str]:
    key = ENTITY_KEY[domain]
    booked = dialogue.booked.get(domain, {})
    return _spelled(database, domain, {key: booked[key]} if key in booked else {})


def _slots(domain: str, goal: Mapping[str, Any], part: str) -> dict[str, str]:
    slots = {}
    for slot, value in (goal.get(part) or {}).items():
        if slot not in BOOKING_FLAGS and value is not None:
            text = as_text(value)
            if text is None:
                raise GoalError(f"goal's {domain}.{part}.{slot} is not one value")
            slots[slot] = text
    return slots


def _spelled(database: Database, domain: str, slots: Mapping[str, str]) -> dict[str, str]:
    return {
        slot: _spelling(database, domain, slot, value)
        for slot, value in slots.items()
        if not is_empty(value)
    }


def _spelling(database: Database, domain: str, slot: str, value: str) -> str:
    if slot in TIME_SLOTS | NUMBER_SLOTS | FLAG_SLOTS:
        return canonical(slot, value)
    known = database.spelling(domain, slot, value)
    if known is None and slot == "name":
        known = database.closest_name(domain, value)
    return known or value
