"""The text of a goal: the user's instructions, one sentence per line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolwoz.world.domains import SLOT_NAMES, SLOT_PHRASES

_KINDS = {
    "restaurant": "a restaurant",
    "hotel": "a place to stay",
    "attraction": "an attraction",
    "train": "a train",
}
_YES_NO = {
    ("internet", "yes"): "with free wifi",
    ("internet", "no"): "without wifi",
    ("parking", "yes"): "with free parking",
    ("parking", "no"): "without parking",
}
_BOOKED = ("people", "day", "time", "stay")
FACTS = {
    **{slot: f"the {name}" for slot, name in SLOT_NAMES.items()},
    "food": "the kind of food",
    "internet": "whether there is wifi",
    "parking": "whether there is parking",
    "stars": "the number of stars",
}


def message(goal: Mapping[str, Any], city: str) -> list[str]:
    """The goal's sentences, in the order of its domains."""
    lines = [f"You are visiting {city}."]
    for domain, part in goal.items():
        lines += _domain_lines(domain, part)
    return lines


def wishes(constraints: Mapping[str, str]) -> str:
    """Search constraints as a phrase: "in the north with free wifi"."""
    return " ".join(
        _YES_NO[slot, value] if (slot, value) in _YES_NO else SLOT_PHRASES[slot].format(value)
        for slot, value in constraints.items()
    )


def slots(booking: Mapping[str, Any]) -> str:
    """Booking slots as a phrase: "for 4 people on monday"."""
    return " ".join(SLOT_PHRASES[slot].format(booking[slot]) for slot in _BOOKED if slot in booking)


def facts(requested: list[str]) -> str:
    """Requested slots as a phrase: "the address and the phone number"."""
    return " and ".join(FACTS[slot] for slot in requested)


def _domain_lines(domain: str, part: Mapping[str, Any]) -> list[str]:
    kind = _KINDS[domain]
    if part["fail_info"]:
        lines = [
            f"You are looking for {kind} {wishes(part['fail_info'])}.",
            f"If there is none, you want one {wishes(part['info'])}.",
        ]
    else:
        lines = [f"You are looking for {kind} {wishes(part['info'])}."]
    if "book" in part:
        lines.append(f"Book it {slots({**part['book'], **part['fail_book']})}.")
        if part["fail_book"]:
            lines.append(f"If that fails, book it {slots(part['book'])}.")
        lines.append("You want the reference number.")
    if part.get("reqt"):
        lines.append(f"You want to know {facts(part['reqt'])}.")
    return lines
