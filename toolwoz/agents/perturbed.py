"""Policies that replace a share of another policy's tool calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar

from dialogue.protocols import Completion, Message, Policy, Tool


class Perturbed(ABC):
    """Replaces each tool call with probability ``rate``; leaves speech alone.

    The calls must be well-formed, as those of scripted policies are.

    Attributes:
        WORD: Makes the random numbers of a class its own.
    """

    WORD: ClassVar[str]

    def __init__(self, policy: Policy, rate: float) -> None:
        """Perturb a policy.

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
        rng = Random(f"{self.WORD} {seed}")
        if completion is None or not completion.message.get("tool_calls"):
            return completion
        if rng.random() >= self._rate:
            return completion
        function = completion.message["tool_calls"][0]["function"]
        return self.replace(messages, tools, function["name"], function["arguments"], rng)

    @abstractmethod
    def replace(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        name: str,
        arguments: str,
        rng: Random,
    ) -> Completion:
        """What is done in place of a call of the tool `name` with these arguments (JSON)."""
