"""Constraints, bookings and questions of a dialogue, read from the user's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from toolwoz.world.database import Database
from toolwoz.world.domains import AREAS, BOOKING_SLOTS, PRICE_RANGES, SEARCH_SLOTS, WEEKDAYS

_NOUNS = {
    "restaurant": r"\brestaurants?\b|\bto eat\b|\bto dine\b|\ba table\b",
    "hotel": r"\bto stay\b|\ba room\b|\bhotels?\b|\bguest ?houses?\b",
    "attraction": r"\battractions?\b|\bto visit\b|\bto see\b|\bto go\b",
    "train": r"\btrains?\b|\btickets\b|\bseats\b",
}
_PATTERNS = {
    "area": rf"\bin the ({'|'.join(AREAS)})\b",
    "pricerange": rf"\b({'|'.join(PRICE_RANGES)})\b",
    "food": r"(?:serv\w+|with|some|of) ([a-z]+(?: [a-z]+)?) food\b",
    "stars": r"\b(\d) stars?\b",
    "leaveAt": r"\b(?:leav\w+|depart\w*) (?:after|at) (\d\d:\d\d)",
    "arriveBy": r"\b(?:arriv\w+|getting there) by (\d\d:\d\d)",
    "day": rf"\bon ({'|'.join(WEEKDAYS)})\b",
    "people": r"\bfor (\d+) (?:people|person)\b",
    "stay": r"\bfor (\d+) nights?\b",
    "time": r"\bat (\d\d:\d\d)",
}
_FLAGS = {"internet": r"(?:free )?(?:wifi|internet)", "parking": r"(?:free )?parking"}
_NAME = r"\b(?:called|named) (.+?)(?:,| instead|[.?!]|$)"
_FACTS = {
    "address": "address",
    "area": "the area",
    "arriveBy": "arrival time",
    "duration": "travel time",
    "entrance fee": "entrance fee",
    "food": "type of food",
    "internet": "wifi|internet",
    "leaveAt": "departure time",
    "openhours": "opening hours",
    "parking": "parking",
    "phone": "phone",
    "postcode": "postcode",
    "price": r"price\b(?! range)",
    "pricerange": "price range",
    "stars": "star rating",
    "trainID": "train id",
    "type": r"the type\b(?! of)",
}
_ASKS = r"\b(tell me|to know|what is|what's|may i have|can i have)\b"
_REFERENCE = r"\breference\b"
_BYE = r"\b(good)?bye\b"
_BOOKS = r"\bbook\b"
_INDIFFERENT = r"\b(do not mind|is fine)\b"


@dataclass
class Topic:
    """What the user wants in one domain.

    Attributes:
        constraints: For the search, the last value said per slot.
        booking: Slots for the booking.
        books: The user asked for a booking.
    """

    constraints: dict[str, str] = field(default_factory=dict)
    booking: dict[str, str] = field(default_factory=dict)
    books: bool = False


@dataclass
class Understanding:
    """The user's wishes after its last utterance, and what that utterance was about.

    Attributes:
        domain: The domain under discussion; empty before there is one.
        topics: Per domain what was said so far.
        new: The slots with a value in the last utterance.
        facts: The slots it asks the value of.
        asks_reference, says_goodbye, indifferent: What else it does.
    """

    domain: str = ""
    topics: dict[str, Topic] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    asks_reference: bool = False
    says_goodbye: bool = False
    indifferent: bool = False

    @property
    def topic(self) -> Topic:
        return self.topics.setdefault(self.domain, Topic())


class Reader:
    """Reads utterances; knows the names, stations and kinds of attraction of a database."""

    def __init__(self, database: Database) -> None:
        names = [
            name
            for domain in ("restaurant", "hotel", "attraction")
            for name in database.values(domain, "name")
        ]
        stations = _either(database.values("train", "departure"))
        self._known_name = re.compile(rf"\b(?:called|named) ({_either(names)})(?![\w'])")
        self._stations = {
            "departure": re.compile(rf"\bfrom ({stations})\b"),
            "destination": re.compile(rf"\bto ({stations})\b"),
        }
        self._types = {
            domain: re.compile(
                rf"\bof (?:the )?type ({_either(database.values(domain, 'type'))})\b"
            )
            for domain in ("hotel", "attraction")
        }

    def read(self, utterances: Iterable[str]) -> Understanding:
        """What all the user's utterances together say; the last one decides what is due."""
        understanding = Understanding()
        for utterance in utterances:
            self._hear(understanding, utterance.lower())
        return understanding

    def _hear(self, so_far: Understanding, text: str) -> None:
        name, rest = self._split_name(text)
        domain = _domain(rest)
        if domain:
            so_far.domain = domain
        so_far.facts = _facts(rest) if re.search(_ASKS, rest) else ()
        so_far.asks_reference = re.search(_REFERENCE, rest) is not None
        so_far.says_goodbye = re.search(_BYE, rest) is not None
        so_far.indifferent = re.search(_INDIFFERENT, rest) is not None
        so_far.topic.books |= re.search(_BOOKS, rest) is not None
        found = {} if so_far.facts else self._values(so_far.domain, rest)
        if name:
            found["name"] = name
        so_far.new = tuple(found)
        for slot, value in found.items():
            searched = slot in SEARCH_SLOTS.get(so_far.domain, ())
            (so_far.topic.constraints if searched else so_far.topic.booking)[slot] = value

    def _split_name(self, text: str) -> tuple[str, str]:
        """The entity named, and the text without it: names may hold any word."""
        match = self._known_name.search(text) or re.search(_NAME, text)
        if not match:
            return "", text
        return match[1], text[: match.start()] + text[match.end(1) :]

    def _values(self, domain: str, text: str) -> dict[str, str]:
        slots = (*SEARCH_SLOTS.get(domain, ()), *BOOKING_SLOTS.get(domain, ()))
        found = {slot: self._value(domain, slot, text) for slot in slots}
        return {slot: value for slot, value in found.items() if value}

    def _value(self, domain: str, slot: str, text: str) -> str:
        if slot in _FLAGS:
            match = re.search(rf"\b(with|without|has|no) {_FLAGS[slot]}", text)
            return ("no" if match[1] in ("without", "no") else "yes") if match else ""
        pattern: str | re.Pattern[str] | None = _PATTERNS.get(slot) or self._stations.get(slot)
        if slot == "type":
            pattern = self._types[domain]
        match = re.search(pattern, text) if pattern else None
        return match[1] if match else ""


def _domain(text: str) -> str:
    """The domain whose noun comes first; empty if the text names none."""
    places = {domain: re.search(noun, text) for domain, noun in _NOUNS.items()}
    found = {domain: match.start() for domain, match in places.items() if match}
    return min(found, key=lambda domain: found[domain], default="")


def _facts(text: str) -> tuple[str, ...]:
    places = {slot: re.search(word, text) for slot, word in _FACTS.items()}
    found = {slot: match.start() for slot, match in places.items() if match}
    return tuple(sorted(found, key=lambda slot: found[slot]))


def _either(values: Iterable[str]) -> str:
    """A pattern for any of the values, the longest first."""
    return "|".join(re.escape(v.lower()) for v in sorted(values, key=len, reverse=True))
