"""Another policy with shortcuts: bookings that are only said, searches by the last words alone.

Demonstrations that models learn from are like that: their makers know every tool and can copy
every value, and do not always do it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random

from dialogue.protocols import Completion, Message, Tool
from toolwoz.agents import phrases
from toolwoz.agents.messages import call, speak
from toolwoz.agents.perturbed import Perturbed


class Shortcut(Perturbed):
    """Takes a shortcut in place of a share of another policy's tool calls.

    In place of a booking it says that it has booked, and calls no tool; it searches with those
    values alone that the user's last utterance holds.
    """

    WORD = "hurry"  # older than the class: another word would change every measured base

    def replace(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        name: str,
        arguments: str,
        rng: Random,
    ) -> Completion:
        """A false claim in place of a booking, a poorer search in place of a search."""
        del tools
        if name.startswith("book_"):
            return speak(phrases.claimed(rng))
        return call(messages, name, _last_said(messages, arguments))


def _last_said(messages: Sequence[Message], arguments: str) -> Mapping[str, str]:
    """The arguments whose values the last utterance holds; all of them if it holds none."""
    given: Mapping[str, str] = json.loads(arguments)
    last = next(m["content"] for m in reversed(messages) if m["role"] == "user").lower()
    said = {slot: value for slot, value in given.items() if value.lower() in last}
    return said or given
