"""The three structural types JOSH meets: a policy, its completions, and a world it can fork.

Nothing here is inherited from: any object of the right shape will do, from any package.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, Self, runtime_checkable

Message = dict[str, Any]
"""An OpenAI chat message: role, content, and tool_calls or tool_call_id where they apply."""
Tool = dict[str, Any]
"""A tool in the OpenAI function format."""


class Completion(Protocol):
    """One assistant message and how it was made; counts are 0 and sequences empty where unknown."""

    @property
    def message(self) -> Message: ...
    @property
    def finish_reason(self) -> str: ...
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
    @property
    def model(self) -> str: ...
    @property
    def token_ids(self) -> Sequence[int]: ...
    @property
    def logprobs(self) -> Sequence[float]: ...


class Policy(Protocol):
    """Anything that plays the agent."""

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """The next assistant message, or None when it cannot go on (context full).

        Raises:
            Exception: the engine failed. A fault is never an answer, and never becomes a label.
        """
        ...


class Step(Protocol):
    """The world's answer to one assistant message."""

    @property
    def messages(self) -> Sequence[Message]:
        """Tool results if the message made calls; otherwise the user's reply, or nothing."""
        ...

    @property
    def earned(self) -> AbstractSet[str]:
        """Ids of the goals first reached by this message."""
        ...

    @property
    def done(self) -> bool:
        """The dialogue is over: the user hung up or a limit was reached."""
        ...


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
