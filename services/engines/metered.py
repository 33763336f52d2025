"""A policy that counts the prompt tokens that its engine had in the prefix cache."""

from __future__ import annotations

from collections.abc import Sequence

from dialogue.protocols import Completion, Message, Policy, Tool


class Metered:
    """Passes calls on to a policy.

    Attributes:
        prompt_tokens: Number of prompt tokens of the answers so far.
        cached_tokens: Number of these tokens that were in the engine's prefix cache; None as long
            as no answer tells it.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.prompt_tokens = 0
        self.cached_tokens: int | None = None

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        completion = await self._policy(messages, tools, seed=seed)
        if completion is not None:
            self.prompt_tokens += completion.prompt_tokens
            if completion.cached_tokens is not None:
                self.cached_tokens = (self.cached_tokens or 0) + completion.cached_tokens
        return completion

    @property
    def cached(self) -> float | None:
        """Share of the prompt tokens that were cached; None where it is unknown."""
        if self.cached_tokens is None or not self.prompt_tokens:
            return None
        return self.cached_tokens / self.prompt_tokens
