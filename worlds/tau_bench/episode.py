"""One dialogue of τ-bench being played."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Self

from dialogue.protocols import Message, Step, Tool
from worlds.tau_bench.domain import Called, Domain, Scenario
from worlds.tau_bench.users import User
from worlds.tau_bench.verdict import is_complaint, is_reference, verdict

PROMPT = """\
You are a customer service agent. In each turn either speak to the user or call a tool, never \
both. Keep to this policy:

{policy}\
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a dialogue is cut off; the defaults are τ-bench's.

    Attributes:
        steps: Messages of agent and user, and answers of the tools to one message, in all.
        errors: Calls that were answered with an error.
    """

    steps: int = 100
    errors: int = 10


LIMITS = Limits()


class Episode:
    """A dialogue of one scenario. Create it with :meth:`start`.

    A goal is earned by a call with the same effect as the reference's, or by the call after which
    the records that the reference's call changed stand as the reference leaves them: by whatever
    calls, in whatever order.

    Attributes:
        domain, scenario, user, limits: Frozen or stateless, shared by all forks.
        messages: The whole history as the policy sees it.
        database: Its present state; shared by forks until one of them writes.
        earned: Ids of the goals reached so far.
        done: No further step is possible.
    """

    def __init__(
        self, domain: Domain, scenario: Scenario, user: User, opening: str, limits: Limits
    ) -> None:
        self.domain = domain
        self.scenario = scenario
        self.user = user
        self.limits = limits
        self.messages: tuple[Message, ...] = (
            {"role": "system", "content": PROMPT.format(policy=domain.policy)},
            {"role": "user", "content": opening},
        )
        self.database = domain.database
        self.earned: frozenset[str] = frozenset()
        self.done = False
        self._steps = 1
        self._errors = 0

    @classmethod
    async def start(
        cls,
        domain: Domain,
        scenario: Scenario,
        user: User,
        *,
        opening: str | None = None,
        limits: Limits = LIMITS,
    ) -> Self:
        """An episode that waits for the agent's first message.

        Args:
            opening: The user's first words, if they are known; else the user is asked.

        Raises:
            ValueError: the user hangs up before a word.
            Exception: the user's engine failed.
        """
        opening = opening if opening is not None else await user(scenario, ())
        if opening is None:
            raise ValueError(f"{scenario.id}: the user hung up before a word")
        return cls(domain, scenario, user, opening, limits)

    @property
    def tools(self) -> Sequence[Tool]:
        return self.domain.tools

    @property
    def goals(self) -> AbstractSet[str]:
        """Ids of every goal; none where the reference writes nothing."""
        return frozenset(goal.id for goal in self.scenario.goals)

    @property
    def reward(self) -> float:
        """τ-bench's own verdict on the dialogue as it stands, 0 or 1: see :func:`verdict`."""
        return verdict(self.domain.database, self.database, self.scenario, self.messages)

    async def step(self, message: Message) -> Step:
        """Append one assistant message and play the world's answer to it.

        Raises:
            RuntimeError: the episode is already done.
            Exception: the user's engine failed; the episode is as it was before the step.
        """
        if self.done:
            raise RuntimeError(f"{self.scenario.id}: the dialogue is already over")
        if message.get("tool_calls"):
            results, new = self._call(message)
            return self._add(message, results, new, done=False)
        reply = None
        if self._steps + 1 < self.limits.steps:
            reply = await self.user(self.scenario, self._heard(message))
        answer = [] if reply is None else [{"role": "user", "content": reply}]
        return self._add(message, answer, frozenset(), done=reply is None)

    def replay(self, message: Message, answer: Step) -> None:
        """As :meth:`step`, but the user's answer is known. Tools are called: they write."""
        if message.get("tool_calls"):
            self._call(message)
        self._add(message, answer.messages, frozenset(answer.earned), done=answer.done)

    def fork(self) -> Self:
        """An independent copy at this point: everything it shares is immutable."""
        return copy.copy(self)

    def _call(self, message: Message) -> tuple[list[Message], frozenset[str]]:
        """Make the calls of a message; their answers, and the goals they reach."""
        results: list[Message] = []
        new: set[str] = set()
        calls = message["tool_calls"]
        for number, entry in enumerate(calls if isinstance(calls, list | tuple) else ()):
            call = entry if isinstance(entry, Mapping) else {}
            function: Any = call.get("function")
            function = function if isinstance(function, Mapping) else {}
            name = function.get("name")
            called = self.domain.call(self.database, name, function.get("arguments"))
            self.database = called.database
            new |= self._reached(called, self.earned | new)
            results.append(
                {
                    "role": "tool",
                    "tool_call_id": str(call.get("id") or f"call_{number}"),
                    "name": str(name or ""),
                    "content": called.content,
                }
            )
        return results, frozenset(new)

    def _reached(self, called: Called, earned: AbstractSet[str]) -> set[str]:
        """The goals that a call reaches, of those not earned yet."""
        left = [goal for goal in self.scenario.goals if goal.id not in earned]
        alike = [goal.id for goal in left if goal.effect == called.effect]
        complete = {
            goal.id
            for goal in left
            if goal.places & called.places
            and is_reference(self.domain.database, self.database, self.scenario, goal.places)
        }
        return complete | set(alike[:1])  # one call does the work of one

    def _heard(self, message: Message) -> list[Message]:
        """What was said so far, with the agent's new words: calls and their answers are silent."""
        spoken = [one for one in (*self.messages, message) if not one.get("tool_calls")]
        return [
            {"role": one["role"], "content": str(one.get("content") or "")}
            for one in spoken
            if one["role"] in ("user", "assistant")
        ]

    def _add(
        self,
        message: Message,
        answer: Sequence[Message],
        earned: frozenset[str],
        *,
        done: bool,
    ) -> Step:
        self.messages = (*self.messages, message, *answer)
        new = earned - self.earned
        self.earned |= new
        self._steps += 1 + bool(answer)
        self._errors += sum(map(is_complaint, answer))
        spent = self._steps >= self.limits.steps or self._errors >= self.limits.errors
        self.done = done or spent
        return Step(answer, new, self.done)
