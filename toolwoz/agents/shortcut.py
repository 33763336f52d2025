"""Another policy with shortcuts: bookings that are only said, searches by the last words alone.

So are the demonstrations that models learn from: whoever made them knows every tool and can copy
every value, and does not always do it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random

from dialogue.protocols import Completion, Message, Policy, Tool
from toolwoz.agents import phrases
from toolwoz.agents.messages import call, speak


class Shortcut:
    """Takes a shortcut in place of a share of another policy's tool calls; leaves its speech alone.

    In place of a booking it says that it has booked, and calls no tool; a search it makes with
    those values alone that the user's last utterance holds. The calls must be well-formed, as those
    of scripted policies are.
    """

    def __init__(self, policy: Policy, rate: float) -> None:
        """Take a shortcut with probability ``rate``, call by call.

        Raises:
            ValueError: ``rate`` is no probability.
        """
        if not 0 <= rate <= 1:
            raise ValueError(f"rate {rate} is not between 0 and 1")
        self._policy = policy
        self._rate = rate

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        completion = await self._policy(messages, tools, seed=seed)
        # The word is older than the class: with another one every measured base would change.
        rng = Random(f"hurry {seed}")
        if completion is None or not completion.message.get("tool_calls"):
            return completion
        if rng.random() >= self._rate:
            return completion
        function = completion.message["tool_calls"][0]["function"]
        if function["name"].startswith("book_"):
            return speak(phrases.claimed(rng))
        return call(messages, function["name"], _last_said(messages, function["arguments"]))


def _last_said(messages: Sequence[Message], arguments: str) -> Mapping[str, str]:
    """The arguments whose values the last utterance holds; all of them if it holds none."""
    given: Mapping[str, str] = json.loads(arguments)
    last = next(m["content"] for m in reversed(messages) if m["role"] == "user").lower()
    said = {slot: value for slot, value in given.items() if value.lower() in last}
    return said or given
