"""The types that agents, worlds and searches meet in.

Nothing here need be inherited from: any object of the right shape will do, from any package.
``Completion`` and ``Step`` are ready to be built.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

Message = dict[str, Any]
"""An OpenAI chat message: role, content, and tool_calls or tool_call_id where they apply."""
Tool = dict[str, Any]
"""A tool in the OpenAI function format."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One assistant message and how it was made.

    Attributes:
        message: The assistant message. Its tool calls keep their arguments as the raw JSON text
            the model wrote, well-formed or not: judging them is the environment's work.
        finish_reason: ``stop``, ``tool_calls`` or ``length``.
        prompt_tokens, completion_tokens: Token counts; 0 where unknown.
        cached_tokens: Number of prompt tokens that the prefix cache held; None where unknown.
        model: Name of the model, with its adapter, that wrote it.
        seconds: Wall time of the request.
        token_ids: The sampled tokens, where the engine gives them; else empty.
        logprobs: The log-probability of each of them; else empty.
    """

    message: Message
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None
    model: str = ""
    seconds: float = 0.0
    token_ids: Sequence[int] = ()
    logprobs: Sequence[float] = ()


class Policy(Protocol):
    """Anything that plays the agent: a model behind an engine, or a script."""

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """The next assistant message, or None when it cannot go on (context full).

        Raises:
            Exception: the engine failed. A fault is never an answer, and never becomes a label.
        """
        ...


class Step(NamedTuple):
    """The world's answer to one assistant message.

    Attributes:
        messages: Tool results if the message made calls; otherwise the user's reply, or nothing.
        earned: Ids of the goals first reached by this message.
        done: The dialogue is over: the user hung up or a limit was reached.
    """

    messages: Sequence[Message]
    earned: AbstractSet[str]
    done: bool


class Episode(Protocol):
    """One dialogue being played. The user lives inside."""

    @property
    def messages(self) -> Sequence[Message]:
        """The whole history as the policy sees it: system prompt, user, assistant, tool."""
        ...

    @property
    def tools(self) -> Sequence[Tool]: ...

    @property
    def goals(self) -> AbstractSet[str]:
        """Ids of every goal of the scenario, reached or not."""
        ...

    async def step(self, message: Message) -> Step:
        """Append one assistant message and play the world's answer to it.

        Raises:
            RuntimeError: the episode is already done.
            Exception: the user's engine failed.
        """
        ...

    def fork(self) -> Self:
        """An independent copy at this point; cheap."""
        ...


@runtime_checkable
class ReplayableEpisode(Episode, Protocol):
    """An episode that can also be told an answer it gave before, so that no user is asked twice."""

    def replay(self, message: Message, answer: Step) -> None:
        """As ``step``, but the world's answer is known: append both and keep the books."""
        ...
