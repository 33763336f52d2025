"""τ-bench's verdict on a dialogue: by its database, and by what the agent said."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from dialogue.messages import is_error
from dialogue.protocols import Message
from worlds.tau_bench.database import Database, Place
from worlds.tau_bench.domain import Scenario


def verdict(
    base: Database, database: Database, scenario: Scenario, messages: Sequence[Message]
) -> float:
    """τ-bench's reward, DB x COMMUNICATE.

    Args:
        base: The database as the scenario found it; ``database`` as it stands.

    Returns:
        1 if the database is as the reference leaves it and the agent has told the user all it
        must; else 0.
    """
    said = [
        str(message.get("content") or "").lower().replace(",", "")
        for message in messages
        if message["role"] == "assistant"
    ]
    told = all(any(info.lower() in text for text in said) for info in scenario.to_say)
    places = database.changed.keys() | scenario.reference.keys()
    return float(told and is_reference(base, database, scenario, places))


def is_reference(
    base: Database, database: Database, scenario: Scenario, places: AbstractSet[Place]
) -> bool:
    """Whether these records stand as the reference leaves them."""
    reference = scenario.reference
    return all(database.get(place) == (reference.get(place) or base.get(place)) for place in places)


def is_complaint(message: Message) -> bool:
    """Whether τ-bench counts a message as a tool's error."""
    return message["role"] == "tool" and (
        is_error(message) or str(message["content"]).startswith("Error: ")
    )
