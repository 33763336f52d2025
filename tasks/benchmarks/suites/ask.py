"""Questions to a judge and dialogues with a policy, for benchmarks of several turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dialogue.messages import spoken
from dialogue.protocols import Message, Policy, Tool
from dialogue.seeds import stable_seed
from tasks.benchmarks.options import Helper
from tasks.benchmarks.shape import Attempt, ContextFullError, Score


class JudgeError(RuntimeError):
    """A judge cannot answer, or its answer has no verdict: the item is unscored, not 0."""


async def ask(judge: Helper, prompt: str, seed: int, system: str = "") -> str:
    """The answer of the judge to a prompt.

    Raises:
        JudgeError: the prompt does not fit the judge's context.
    """
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    completion = await judge.policy(messages, (), seed=seed)
    if completion is None:
        raise JudgeError(f"the prompt does not fit the context of {judge.name}")
    return spoken(str(completion.message.get("content") or ""))


@dataclass(slots=True)
class Talk:
    """A dialogue with the policy under test, and its tokens.

    Attributes:
        policy, tools, seed: The policy, its tools, and the seed of its messages.
        messages: All messages so far.
    """

    policy: Policy
    tools: Sequence[Tool]
    seed: int
    messages: list[Message]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    _asked: int = field(default=0, init=False)
    _given: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._given = len(self.messages)

    @property
    def answer(self) -> tuple[Message, ...]:
        """The messages after those that the dialogue began with."""
        return tuple(self.messages[self._given :])

    async def turn(self) -> Message:
        """Ask the policy for its next message, and add it to the dialogue.

        Raises:
            ContextFullError: the context has no room for it.
        """
        made = await self.policy(
            self.messages, self.tools, seed=stable_seed(self.seed, self._asked)
        )
        if made is None:
            raise ContextFullError(f"no room for message {self._asked + 1}")
        self._asked += 1
        self.prompt_tokens += made.prompt_tokens
        self.completion_tokens += made.completion_tokens
        self.messages.append(made.message)
        return made.message

    def attempt(self, score: Score) -> Attempt:
        return Attempt(self.answer, score, self.prompt_tokens, self.completion_tokens)
