"""The expert's sentences: short, and stating only what a tool answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

_OFFERS: Mapping[str, tuple[str, ...]] = {
    "restaurant": (
        "{name} serves {food} food in the {area}.",
        "{name} serves {food} food and is {pricerange}.",
        "I found {name}, it is {pricerange} and in the {area}.",
        "I recommend {name} in the {area}.",
    ),
    "hotel": (
        "{name} is a {type} in the {area}.",
        "{name} is a {type} with {stars} stars.",
        "I found {name}, it is in the {area}.",
        "I recommend {name}, it is {pricerange}.",
    ),
    "attraction": (
        "How about {name} in the {area}?",
        "I found {name}, it is in the {area}.",
        "I recommend {name} in the {area}.",
    ),
    "train": (
        "{trainID} leaves at {leaveAt} and arrives at {arriveBy}.",
        "I found {trainID}, it leaves at {leaveAt}.",
        "I found {trainID}, it arrives at {arriveBy}.",
    ),
}
_OFFER_ENDS = ("Is that fine?", "Would you like it?", "What do you think?")
_BOOK_ENDS = ("Shall I book it?", "Would you like to book it?", "Should I book it?")
_NONE = (
    "Sorry, there is no such {noun}.",
    "Sorry, I found no {noun} like that.",
    "I am sorry, no {noun} matches.",
)
_NONE_ENDS = (
    "Anything else you would like?",
    "Shall I try something else?",
    "What else can I try?",
)
_NOUNS = {
    "restaurant": "restaurant",
    "hotel": "place to stay",
    "attraction": "attraction",
    "train": "train",
}
_BOOKED = (
    "Booked. The reference number is {reference}.",
    "It is booked, your reference is {reference}.",
    "Done, it is booked. Reference number: {reference}.",
)
_CLAIMED = ("Booked.", "It is booked.", "Done, it is booked.")
_ANYTHING_ELSE = ("Anything else?", "Can I help with anything else?", "What else can I do for you?")
_FULL: Mapping[str, tuple[str, ...]] = {
    "day": ("Sorry, the booking failed. Another day?", "Sorry, it is full on that day. Another?"),
    "stay": ("Sorry, the booking failed. Another number of nights?",),
    "time": ("Sorry, the booking failed. Another time?", "Sorry, it is full then. Another time?"),
    "": ("Sorry, the booking failed. Shall I try something else?",),
}
_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "area": ("Which area?",),
    "day": ("On which day?", "What day would you like?"),
    "departure": ("Where do you leave from?",),
    "destination": ("Where do you want to go to?",),
    "leaveAt": ("What time do you want to leave or arrive?", "When do you want to travel?"),
    "people": ("For how many people?",),
    "stay": ("For how many nights?",),
    "time": ("At what time?", "What time would you like?"),
}
_FACTS: Mapping[str, str] = {
    "address": "The address is {}.",
    "area": "It is in the {}.",
    "arriveBy": "It arrives at {}.",
    "duration": "It takes {}.",
    "entrance fee": "The entrance fee is {}.",
    "food": "It serves {} food.",
    "leaveAt": "It leaves at {}.",
    "openhours": "The opening hours are {}.",
    "phone": "The phone number is {}.",
    "postcode": "The postcode is {}.",
    "price": "The price is {}.",
    "pricerange": "The price range is {}.",
    "stars": "It has {} stars.",
    "trainID": "The train id is {}.",
    "type": "The type is {}.",
}
_FLAGS: Mapping[tuple[str, str], str] = {
    ("internet", "yes"): "It has free wifi.",
    ("internet", "no"): "It has no wifi.",
    ("parking", "yes"): "It has free parking.",
    ("parking", "no"): "It has no parking.",
}
_FAREWELLS = ("You are welcome. Goodbye!", "Goodbye, enjoy your visit!", "Goodbye!")
_GREETINGS = ("How can I help you?", "What are you looking for?")


def offer(domain: str, row: Mapping[str, str], rng: Random) -> str:
    """Propose the entity of a row."""
    ends = _OFFER_ENDS if domain == "attraction" else _BOOK_ENDS
    sentence = rng.choice(_OFFERS[domain]).format_map(row)
    return f"{sentence} {rng.choice(ends)}"


def nothing_found(domain: str, rng: Random) -> str:
    return f"{rng.choice(_NONE).format(noun=_NOUNS[domain])} {rng.choice(_NONE_ENDS)}"


def booked(reference: str, rng: Random) -> str:
    return f"{rng.choice(_BOOKED).format(reference=reference)} {rng.choice(_ANYTHING_ELSE)}"


def claimed(rng: Random) -> str:
    """Say that it is booked, without a reference number."""
    return f"{rng.choice(_CLAIMED)} {rng.choice(_ANYTHING_ELSE)}"


def not_booked(reason: str, rng: Random) -> str:
    """Own up to a failed booking and ask for what the reason says would help."""
    slot = next((slot for slot in ("stay", "time", "day") if f"another {slot}" in reason), "")
    if "shorter stay" in reason:
        slot = "stay"
    return rng.choice(_FULL[slot])


def question(slots: Sequence[str], rng: Random) -> str:
    """Ask for the values that are missing."""
    return " ".join(rng.choice(_QUESTIONS[slot]) for slot in slots)


def facts(row: Mapping[str, str], slots: Sequence[str]) -> str:
    """State the facts of a row; says so where it has none."""
    return " ".join(_fact(slot, row.get(slot)) for slot in slots)


def farewell(rng: Random) -> str:
    return rng.choice(_FAREWELLS)


def greeting(rng: Random) -> str:
    return rng.choice(_GREETINGS)


def reference(code: str | None) -> str:
    """State a booking's reference number, or that there is none."""
    return f"The reference number is {code}." if code else "Sorry, nothing is booked yet."


def _fact(slot: str, value: str | None) -> str:
    if value is None:
        return f"Sorry, I do not know the {slot}."
    return _FLAGS.get((slot, value)) or _FACTS[slot].format(value)
