"""An episode: one dialogue in progress, which answers an agent's messages."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Protocol, Self

from dialogue.messages import ToolCall, tool_calls, tool_result, utterance
from dialogue.protocols import Message, Step, Tool
from toolwoz.world.rules import earned
from toolwoz.world.scenario import Scenario
from toolwoz.world.world import World

SYSTEM_PROMPT: Final = (
    "You help a visitor of a city to find and book restaurants, hotels, attractions and trains. "
    "Use the tools to look things up; make one call at a time and read its answer before you go "
    "on. Say only what tool answers say, never guess names, facts or references. Ask for what "
    "you still need, then book. Be brief and friendly."
)

_NO_MORE: Final = '{"error": "too many calls without speaking; the dialogue is over"}'
_TOO_MANY: Final = '{"error": "too many calls in one message; this one was not made"}'


class UserSimulator(Protocol):
    """A simulated user. It derives its state from its arguments, so a fork needs no copy of it."""

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        """The user's next utterance, or None when it hangs up.

        Args:
            scenario: The scenario that says what this user wants.
            messages: The dialogue as a user sees it: the utterances of user and assistant, user
                first, without tool calls, tool results and system prompt. Empty at the start.

        Raises:
            Exception: the user's engine failed. A failure is never reported as hanging up.
        """
        ...


class Episode:
    """One dialogue of one scenario. Create it with :meth:`start`; messages are never changed.

    Attributes:
        scenario, world, user: Immutable or stateless objects, shared by all forks.
        messages: The whole dialogue as the policy sees it.
        earned: Ids of the goals reached so far.
        done: Whether the dialogue is over.
    """

    __slots__ = (
        "_calls",
        "_heard",
        "_seed",
        "done",
        "earned",
        "messages",
        "scenario",
        "user",
        "world",
    )

    def __init__(
        self,
        scenario: Scenario,
        world: World,
        user: UserSimulator,
        messages: tuple[Message, ...],
        seed: int,
    ) -> None:
        self.scenario = scenario
        self.world = world
        self.user = user
        self.messages = messages
        self.earned: frozenset[str] = frozenset()
        self.done = False
        self._seed = seed
        self._heard: tuple[Message, ...] = ()  # the utterances, as the user hears them
        self._calls = 0  # messages with tool calls since the agent last spoke

    @classmethod
    async def start(
        cls,
        scenario: Scenario,
        world: World,
        user: UserSimulator,
        *,
        system_prompt: str = SYSTEM_PROMPT,
        seed: int = 0,
        opening: Sequence[Message] | None = None,
    ) -> Self:
        """An episode that waits for the agent's first message.

        Args:
            scenario: The scenario to play, of the world's mode.
            world: The databases, tools and limits.
            user: The simulated user, which speaks first.
            system_prompt: The first message; left out if empty.
            seed: Seed of the booking references; the user has its own seed.
            opening: The first messages of a dialogue that is restored; the user, whose answers may
                differ each time, is then not asked.

        Raises:
            ValueError: scenario and world are of different modes.
            Exception: the user's engine failed.
        """
        if scenario.mode != world.mode:
            raise ValueError(
                f"scenario {scenario.id} is of mode {scenario.mode}, the world of {world.mode}"
            )
        system: tuple[Message, ...] = ()
        if system_prompt:
            system = ({"role": "system", "content": system_prompt},)
        episode = cls(scenario, world, user, system, seed)
        if opening is None:
            heard = utterance("user", await user(scenario, ()))
        else:
            heard = tuple(message for message in opening if message["role"] == "user")
        episode._append_heard(heard, done=not heard or len(heard) >= world.limits.messages)
        return episode

    @property
    def tools(self) -> Sequence[Tool]:
        return self.world.tools

    @property
    def goals(self) -> AbstractSet[str]:
        """Ids of every goal of the scenario."""
        return frozenset(goal.id for goal in self.scenario.goals)

    async def step(self, message: Message) -> Step:
        """Append one assistant message and the world's answer to it.

        Raises:
            RuntimeError: the episode is already done.
            Exception: the user's engine failed; the episode is as it was before the step.
        """
        self._check_open()
        calls = list(tool_calls(message))
        answer = self._answer_calls(calls) if calls else await self._reply(message)
        # Only now does the episode change: the user's engine may have failed.
        self._add(message, answer, called=bool(calls))
        return answer

    def replay(self, message: Message, answer: Step) -> None:
        """Like :meth:`step` with a known answer: append both and update the state.

        Raises:
            RuntimeError: the episode is already done.
        """
        self._check_open()
        self._add(message, answer, called=any(tool_calls(message)))

    def fork(self) -> Self:
        """An independent copy at this point; what both share is immutable."""
        copy = object.__new__(type(self))
        copy.scenario = self.scenario
        copy.world = self.world
        copy.user = self.user
        copy.messages = self.messages
        copy.earned = self.earned
        copy.done = self.done
        copy._seed = self._seed
        copy._heard = self._heard
        copy._calls = self._calls
        return copy

    def _check_open(self) -> None:
        if self.done:
            raise RuntimeError(f"scenario {self.scenario.id}: the dialogue is already over")

    def _add(self, message: Message, answer: Step, *, called: bool) -> None:
        self.earned |= answer.earned
        if called:
            self.messages = (*self.messages, message, *answer.messages)
            self._calls += 1
            self.done = answer.done
        else:
            self.messages = (*self.messages, message)
            self._heard = (*self._heard, *utterance("assistant", message.get("content") or ""))
            self._calls = 0
            self._append_heard(tuple(answer.messages), done=answer.done)

    def _answer_calls(self, calls: Sequence[ToolCall]) -> Step:
        results: list[Message] = []
        reached: set[str] = set()
        spent = self._calls >= self.world.limits.model_calls
        for number, call in enumerate(calls):
            if spent:
                content = _NO_MORE
            elif number >= self.world.limits.parallel_calls:
                content = _TOO_MANY
            else:
                content, goal = self._answer_call(call)
                reached |= goal
            results.append(tool_result(call, content))
        return Step(tuple(results), frozenset(reached - self.earned), spent)

    def _answer_call(self, call: ToolCall) -> tuple[str, frozenset[str]]:
        answer = self.world.answer(self.scenario, call.name, call.arguments, seed=self._seed)
        goal = earned(self.world.database, self.scenario, answer)
        return answer.content, frozenset() if goal is None else frozenset((goal,))

    async def _reply(self, message: Message) -> Step:
        heard = (*self._heard, *utterance("assistant", message.get("content") or ""))
        reply = None
        if len(heard) < self.world.limits.messages:
            reply = await self.user(self.scenario, heard)
        last = reply is None or len(heard) + 1 >= self.world.limits.messages
        return Step(utterance("user", reply), frozenset(), last)

    def _append_heard(self, heard: tuple[Message, ...], *, done: bool) -> None:
        self._heard = (*self._heard, *heard)
        self.messages = (*self.messages, *heard)
        self.done = done
