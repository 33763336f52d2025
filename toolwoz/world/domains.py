"""The four domains of ToolWOZ: their slots, how people name them, and their closed value sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

Row = Mapping[str, Any]
"""One entity of a database: slot -> value."""
Split = Literal["train", "val", "test"]
DOMAINS = ("restaurant", "hotel", "attraction", "train")
ENTITY_KEY: Mapping[str, str] = {
    "restaurant": "name",
    "hotel": "name",
    "attraction": "name",
    "train": "trainID",
}
"""Domain -> the slot that names an entity."""
SEARCH_SLOTS: Final[Mapping[str, tuple[str, ...]]] = {
    "restaurant": ("area", "food", "pricerange", "name"),
    "hotel": ("area", "type", "pricerange", "stars", "internet", "parking", "name"),
    "attraction": ("area", "type", "name"),
    "train": ("departure", "destination", "day", "leaveAt", "arriveBy"),
}
"""Domain -> the constraints of a search, in the order in which an agent asks and passes them."""
BOOKING_SLOTS: Final[Mapping[str, tuple[str, ...]]] = {
    "restaurant": ("people", "day", "time"),
    "hotel": ("people", "day", "stay"),
    "attraction": (),
    "train": ("people",),
}
"""Domain -> the slots of a booking apart from the entity, in the order in which an agent asks."""
SHOWN_SLOTS: Final[Mapping[str, tuple[str, ...]]] = {
    "restaurant": ("name", "food", "pricerange", "area", "address", "postcode", "phone"),
    "hotel": (
        *("name", "type", "pricerange", "area", "stars", "internet", "parking"),
        *("address", "postcode", "phone"),
    ),
    "attraction": ("name", "type", "area", "entrance fee", "address", "postcode", "phone"),
    "train": (
        *("trainID", "departure", "destination", "day"),
        *("leaveAt", "arriveBy", "duration", "price"),
    ),
}
"""Domain -> what a v2 answer shows of a row: all that a MultiWOZ user ever asks for."""

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
AREAS: Final = ("centre", "north", "south", "east", "west")
PRICE_RANGES: Final = ("cheap", "moderate", "expensive")

SLOT_NAMES: Final[Mapping[str, str]] = {
    "address": "address",
    "area": "area",
    "arriveBy": "arrival time",
    "day": "day",
    "duration": "travel time",
    "entrance fee": "entrance fee",
    "food": "type of food",
    "internet": "wifi",
    "leaveAt": "departure time",
    "name": "name",
    "openhours": "opening hours",
    "parking": "parking",
    "people": "number of people",
    "phone": "phone number",
    "postcode": "postcode",
    "price": "price",
    "pricerange": "price range",
    "stars": "star rating",
    "stay": "number of nights",
    "trainID": "train id",
    "type": "type",
}
"""Slot -> its name in plain English, as users and goal texts ask for it."""
SLOT_PHRASES: Final[Mapping[str, str]] = {
    "area": "in the {}",
    "arriveBy": "arriving by {}",
    "day": "on {}",
    "departure": "from {}",
    "destination": "to {}",
    "food": "serving {} food",
    "leaveAt": "leaving after {}",
    "name": "called {}",
    "people": "for {} people",
    "pricerange": "in the {} price range",
    "stars": "with {} stars",
    "stay": "for {} nights",
    "time": "at {}",
    "type": "of the type {}",
}
"""Slot -> a phrase that states its value, as users and goal texts say it."""
