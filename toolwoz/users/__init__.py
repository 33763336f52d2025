"""Who talks to the agent: simulated users, which hold no state between their turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from toolwoz.completion import Message
from toolwoz.scenario import Scenario


class UserSimulator(Protocol):
    """A user. Everything it knows it derives from its arguments, so a fork needs no copy of it."""

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        """The user's next utterance, or None when it hangs up.

        Args:
            scenario: What this user wants.
            messages: The dialogue as a user sees it: what user and assistant said, user first,
                no tool calls, no tool results, no system prompt. Empty at the start.

        Raises:
            Exception: the user's engine failed. Never reported as hanging up.
        """
        ...


__all__ = ["UserSimulator"]
