"""Dialogue acts of the user: the meaning of an utterance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Intent(StrEnum):
    """The intent of a user act."""

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
        intent: The purpose of the utterance.
        domain: The domain of the utterance; empty for a goodbye.
        slots: The values to say, slot -> value, in the order in which they are said.
        facts: The slots asked for.
        satisfied: Whether the previous need was met (True) or given up (False); None where the
            utterance continues a need.
    """

    intent: Intent
    domain: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    satisfied: bool | None = None
