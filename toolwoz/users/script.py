"""A user that repeats the human's utterances and ignores the agent."""

from __future__ import annotations

from collections.abc import Sequence

from dialogue.protocols import Message
from toolwoz.world.scenario import Scenario


class ScriptUser:
    """Says the user's lines of the scenario's human dialogue, then hangs up."""

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        """The human's next utterance; None after the last.

        Raises:
            ValueError: the scenario has no human dialogue.
        """
        if not scenario.human:
            raise ValueError(
                f"scenario {scenario.id} has no human dialogue; use the agenda user, or "
                "a corpus with its texts"
            )
        lines = scenario.human[::2]
        spoken = sum(message["role"] == "user" for message in messages)
        return lines[spoken] if spoken < len(lines) else None
