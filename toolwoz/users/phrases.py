"""The user's sentences: each act in short, varied English; values are said unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from toolwoz.users.acts import Act, Intent
from toolwoz.world.domains import SLOT_NAMES, SLOT_PHRASES

_KINDS = {
    "restaurant": ("a restaurant", "a place to eat", "somewhere to eat"),
    "hotel": ("a place to stay", "somewhere to stay", "a room"),
    "attraction": ("an attraction", "a place to visit", "something to see"),
    "train": ("a train",),
}
# Other ways to say what SLOT_PHRASES says.
_VARIANTS: Mapping[str, tuple[str, ...]] = {
    "area": ("in the {} of town",),
    "arriveBy": ("getting there by {}",),
    "departure": ("leaving from {}",),
    "destination": ("going to {}",),
    "food": ("that serves {} food", "with {} food"),
    "leaveAt": ("departing after {}",),
    "name": ("named {}",),
    "pricerange": ("with {} prices",),
    "stars": ("rated {} stars",),
}
# The order within a tuple is part of the seeded draw.
_VALUES: Mapping[str, tuple[str, ...]] = {
    **{slot: (phrase, *_VARIANTS.get(slot, ())) for slot, phrase in SLOT_PHRASES.items()},
    "type": ("of type {}", "of the type {}"),
}
_CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("internet", "yes"): ("with wifi", "with free wifi", "with internet"),
    ("internet", "no"): ("without wifi", "without internet"),
    ("parking", "yes"): ("with parking", "with free parking"),
    ("parking", "no"): ("without parking",),
    ("people", "1"): ("for 1 person",),
    ("stay", "1"): ("for 1 night",),
    ("stars", "1"): ("with 1 star",),
}
# Slots said last in a phrase, so that it reads as English.
_LATE = ("stars", "pricerange", "internet", "parking")
_YES_NO = {"internet": "if there is wifi", "parking": "if there is parking"}

_SENTENCES: Mapping[Intent, tuple[str, ...]] = {
    Intent.OPEN: (
        "I am looking for {kind} {values}.",
        "I need {kind} {values}.",
        "Can you find {kind} {values}?",
        "I want {kind} {values}.",
        "Is there {kind} {values}?",
    ),
    Intent.ADD: (
        "I want one {values}.",
        "I would like one {values}.",
        "It should be one {values}.",
        "One {values}, please.",
    ),
    Intent.ANSWER: (
        "I would like it {values}.",
        "It should be {values}.",
        "Make it {values}, please.",
    ),
    Intent.INSTEAD: (
        "How about one {values} instead?",
        "Then try one {values}, please.",
        "What about one {values}?",
        "OK, is there one {values}?",
    ),
    Intent.MOVE: (
        "How about {values} instead?",
        "Then try {values}, please.",
        "What about {values}?",
        "OK, {values} then.",
    ),
    Intent.REPEAT: (
        "Please look for {kind} {values}.",
        "Once more, I need {kind} {values}.",
        "Can you check for {kind} {values}?",
    ),
    Intent.CORRECT: (
        "That is not right, I want one {values}.",
        "No, I asked for one {values}.",
    ),
    Intent.INDIFFERENT: (
        "I do not mind about the {topics}.",
        "Any {topics} is fine.",
    ),
    Intent.BOOK: (
        "Please book {it} {values}.",
        "Can you book {it} {values}?",
        "I would like to book {it} {values}.",
        "Book {it} {values}, please.",
    ),
    Intent.REBOOK: (
        "Please try to book {it} {values}.",
        "Once more, please book {it} {values}.",
    ),
    Intent.ASK: (
        "Can you tell me {facts}?",
        "Please tell me {facts}.",
        "I want to know {facts}.",
        "I need to know {facts}, please.",
    ),
    Intent.ASK_REFERENCE: (
        "What is the reference number?",
        "Can I have the reference number?",
    ),
    Intent.GOODBYE: (
        "That is all. Goodbye.",
        "I need nothing else. Bye.",
        "That is everything, bye.",
    ),
}
_THANKS = ("Thanks.", "Thank you.", "Great, thanks.", "Perfect.", "Good.")
_GIVING_UP = ("Never mind.", "Forget about that.")
_BOOKED_THINGS = {
    "restaurant": ("it", "a table"),
    "hotel": ("it", "a room"),
    "train": ("it", "tickets", "seats"),
}


def say(act: Act, rng: Random) -> str:
    """The act in words."""
    sentence = rng.choice(_SENTENCES[act.intent]).format(
        kind=rng.choice(_KINDS.get(act.domain, ("one",))),
        it=rng.choice(_BOOKED_THINGS.get(act.domain, ("it",))),
        values=_values(act.slots, rng),
        topics=" or the ".join(SLOT_NAMES.get(slot, slot) for slot in act.facts),
        facts=_list_facts(act.facts),
    )
    if act.satisfied is None:
        return sentence
    return f"{rng.choice(_THANKS if act.satisfied else _GIVING_UP)} {sentence}"


def _values(slots: Mapping[str, str], rng: Random) -> str:
    """All values as one phrase: "of type hotel in the north with wifi and with parking"."""
    spoken = sorted(slots, key=lambda slot: _LATE.index(slot) if slot in _LATE else -1)
    phrase = ""
    for piece in (_value(slot, slots[slot], rng) for slot in spoken):
        both = piece.startswith("with ") and " with " in f" {phrase}"
        phrase += f" and {piece}" if both else f" {piece}"
    return phrase.strip()


def _value(slot: str, value: str, rng: Random) -> str:
    special = _CHOICES.get((slot, value))
    if special:
        return rng.choice(special)
    return rng.choice(_VALUES.get(slot, (slot + " {}",))).format(value)


def _list_facts(slots: Sequence[str]) -> str:
    names = [_YES_NO.get(slot) or f"the {SLOT_NAMES.get(slot, slot)}" for slot in slots]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
