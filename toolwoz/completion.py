"""What a policy returns: one assistant message and how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Message = dict[str, Any]
"""An OpenAI chat message: role, content, and tool_calls or tool_call_id where they apply."""
Tool = dict[str, Any]
"""A tool in the OpenAI function format."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One assistant message and its bookkeeping.

    Attributes:
        message: The assistant message. Its tool calls keep their arguments as the raw JSON text
            the model wrote, well-formed or not: judging them is the environment's work.
        finish_reason: ``stop``, ``tool_calls`` or ``length``.
        prompt_tokens, completion_tokens, cached_tokens: Token counts; 0 where unknown.
        model: Name of the model, with its adapter, that wrote it.
        seconds: Wall time of the request.
        token_ids: The sampled tokens, where the engine gives them; else empty.
        logprobs: The log-probability of each of them; else empty.
    """

    message: Message
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    model: str = ""
    seconds: float = 0.0
    token_ids: Sequence[int] = field(default=())
    logprobs: Sequence[float] = field(default=())


class Policy(Protocol):
    """Anything that plays the agent: a model behind an engine, or a script."""

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """The next assistant message, or None when it cannot go on (context full).

        Raises:
            Exception: the engine failed. Never reported as an answer.
        """
        ...
