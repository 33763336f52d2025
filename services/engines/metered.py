"""A policy that counts the prompt tokens that its engine had in the prefix cache."""

from __future__ import annotations

from collections.abc import Sequence

from dialogue.protocols import Completion, Message, Policy, Tool


class Metered:
    """Passes calls on to a policy.

    Attributes:
        prompt_tokens: Number of prompt tokens of the answers so far.
        cached_tokens: Number of these tokens that were in the engine's prefix cache.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.prompt_tokens = 0
        self.cached_tokens = 0

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        completion = await self._policy(messages, tools, seed=seed)
        if completion is not None:
            self.prompt_tokens += completion.prompt_tokens
            self.cached_tokens += completion.cached_tokens
        return completion

    @property
    def cached(self) -> float | None:
        """Share of the prompt tokens that were cached; None if there were none."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None
