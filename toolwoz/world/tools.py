"""The tools of the world, described once: JSON Schema in the OpenAI function format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dialogue.protocols import Tool
from toolwoz.world.database import Database
from toolwoz.world.scenario import Mode

_DAYS: Final = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_CLOCK: Final = r"^[0-2]\d:[0-5]\d$"
_COUNT: Final = r"^[1-9]\d?$"

_SEARCHES: Final[Mapping[str, Mapping[str, str]]] = {
    "restaurant": {
        "food": "Kind of food, e.g. italian.",
        "pricerange": "Price range.",
        "name": "Name of the restaurant, if the user wants a particular one.",
        "area": "Part of the city.",
    },
    "hotel": {
        "name": "Name of the hotel or guesthouse, if the user wants a particular one.",
        "area": "Part of the city.",
        "parking": "Whether it must have free parking.",
        "pricerange": "Price range.",
        "stars": "Number of stars.",
        "internet": "Whether it must have free wifi.",
        "type": "Kind of place to stay.",
    },
    "attraction": {
        "type": "Kind of attraction.",
        "name": "Name of the attraction, if the user wants a particular one.",
        "area": "Part of the city.",
    },
    "train": {
        "leaveAt": "Earliest departure time, 24 hours, HH:MM.",
        "destination": "Station to arrive at.",
        "day": "Day of travel.",
        "arriveBy": "Latest arrival time, 24 hours, HH:MM.",
        "departure": "Station to leave from.",
    },
}
_BOOKINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "restaurant": {
        "time": "Time of the table, 24 hours, HH:MM.",
        "day": "Day of the table.",
        "people": "Number of people.",
        "name": "Name of the restaurant, as a search answered it.",
    },
    "hotel": {
        "stay": "Number of nights.",
        "day": "Day of arrival.",
        "people": "Number of people.",
        "name": "Name of the hotel, as a search answered it.",
    },
    "train": {
        "people": "Number of tickets.",
        "trainID": "ID of the train, as a search answered it, e.g. TR1234.",
    },
}
# Slots with few values, all in the data. Food is not one: users ask for kinds the city lacks.
_LISTED: Final = frozenset(
    {"pricerange", "area", "parking", "internet", "type", "departure", "destination"}
)
_WHAT: Final = {
    "restaurant": ("Search the restaurants of the city.", "Book a table at a restaurant."),
    "hotel": ("Search the hotels and guesthouses of the city.", "Book a room at a hotel."),
    "attraction": ("Search the attractions of the city.", "Book an attraction."),
    "train": ("Search the trains of the region.", "Book tickets for a train."),
}
_V2_ANSWER: Final = (
    " Answers the number of matches and the first of them; every argument is optional."
)


def tool_schemas(database: Database, mode: Mode) -> list[Tool]:
    """The tools an agent is given.

    In ``v2`` values are enumerated or patterned from the data and bookings require their slots.
    In ``parity`` there are the published eight, ``book_attraction`` without parameters among
    them, and every parameter is an optional string.
    """
    if mode == "parity":
        return list(_parity_tools())
    return list(_v2_tools(database))


def _parity_tools() -> Iterable[Tool]:
    for domain, slots in _SEARCHES.items():
        search, book = _WHAT[domain]
        yield _tool(f"search_{domain}", search, _strings(slots))
        yield _tool(f"book_{domain}", book, _strings(_BOOKINGS.get(domain, {})))


def _strings(slots: Mapping[str, str]) -> dict[str, Any]:
    return {slot: {"type": "string", "description": text} for slot, text in slots.items()}


def _v2_tools(database: Database) -> Iterable[Tool]:
    for domain, slots in _SEARCHES.items():
        search, book = _WHAT[domain]
        properties = {s: _property(database, domain, s, text) for s, text in slots.items()}
        yield _tool(f"search_{domain}", search + _V2_ANSWER, properties)
        if domain in _BOOKINGS:
            slots = _BOOKINGS[domain]
            properties = {s: _property(database, domain, s, text) for s, text in slots.items()}
            yield _tool(f"book_{domain}", book, properties, required=list(properties))


def _property(database: Database, domain: str, slot: str, description: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "description": description}
    if slot == "day":
        schema["enum"] = _DAYS
    elif slot == "stars":  # users ask for stars the city lacks
        schema["enum"] = list("012345")
    elif slot in _LISTED:
        schema["enum"] = list(database.values(domain, slot))
    elif slot in {"leaveAt", "arriveBy", "time"}:
        schema["pattern"] = _CLOCK
    elif slot in {"people", "stay"}:
        schema["pattern"] = _COUNT
    return schema


def _tool(
    name: str, description: str, properties: Mapping[str, Any], required: list[str] | None = None
) -> Tool:
    parameters = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}
