"""Descriptions of the world's tools and their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dialogue.protocols import Tool

SEARCHES: Final[Mapping[str, Mapping[str, str]]] = {
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
"""Domain -> slot -> description, in the published order of the parameters."""
BOOKINGS: Final[Mapping[str, Mapping[str, str]]] = {
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
PURPOSES: Final = {
    "restaurant": ("Search the restaurants of the city.", "Book a table at a restaurant."),
    "hotel": ("Search the hotels and guesthouses of the city.", "Book a room at a hotel."),
    "attraction": ("Search the attractions of the city.", "Book an attraction."),
    "train": ("Search the trains of the region.", "Book tickets for a train."),
}
"""Domain -> description of its search and of its booking."""


def function(
    name: str, description: str, properties: Mapping[str, Any], required: list[str] | None = None
) -> Tool:
    """A tool in the OpenAI function format; its parameters are a flat object."""
    parameters = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }
    described = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": described}
