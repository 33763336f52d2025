"""What a user means by an utterance, before it is put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Intent(StrEnum):
    """Why the user speaks."""

    OPEN = "open"  # a first wish in a domain
    ADD = "add"  # a further constraint
    ANSWER = "answer"  # the values the agent asked for, said before or not
    INSTEAD = "instead"  # other constraints, the first ones having failed
    REPEAT = "repeat"  # everything wanted, once more
    CORRECT = "correct"  # the agent's answer breaks these constraints
    INDIFFERENT = "indifferent"  # no preference on what was asked
    BOOK = "book"
    MOVE = "move"  # other booking values, the first ones having failed
    REBOOK = "rebook"  # everything to be booked, once more
    ASK = "ask"  # for facts
    ASK_REFERENCE = "ask_reference"
    GOODBYE = "goodbye"


@dataclass(frozen=True, slots=True)
class Act:
    """One utterance's meaning.

    Attributes:
        intent: Why the user speaks.
        domain: What about; empty for a goodbye.
        slots: The values to be said, slot -> value, in the order in which they are said.
        facts: The slots asked for.
        satisfied: The need before this one was met, and deserves thanks; False where the user
            gave up on it; None in the midst of a need.
    """

    intent: Intent
    domain: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    satisfied: bool | None = None
