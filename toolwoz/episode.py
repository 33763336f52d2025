"""One dialogue being played: an agent's messages in, tool results and the user's replies out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple, Self

from toolwoz.completion import Message, Tool
from toolwoz.scenario import Scenario
from toolwoz.scoring import earned
from toolwoz.users import UserSimulator
from toolwoz.world import World

SYSTEM_PROMPT: Final = (
    "You help a visitor of a city to find and book restaurants, hotels, attractions and trains. "
    "Use the tools to look things up; make one call at a time and read its answer before you go "
    "on. Say only what tool answers say, never guess names, facts or references. Ask for what "
    "you still need, then book. Be brief and friendly."
)

_NO_MORE: Final = '{"error": "too many calls without speaking; the dialogue is over"}'
_TOO_MANY: Final = '{"error": "too many calls in one message; this one was not made"}'


class Step(NamedTuple):
    """The world's answer to one assistant message.

    Attributes:
        messages: Tool results if the message made calls; otherwise the user's reply, or nothing.
        earned: Ids of the goals first reached by this message.
        done: The user hung up or a limit was reached.
    """

    messages: Sequence[Message]
    earned: AbstractSet[str]
    done: bool


class ToolCall(NamedTuple):
    """One entry of an assistant message's ``tool_calls``, whatever shape the model gave it."""

    id: str
    name: Any
    arguments: Any


class Episode:
    """One dialogue of one scenario. Create it with :meth:`start`; messages are never changed.

    Attributes:
        scenario, world, user: Frozen or stateless, shared by all forks.
        messages: The whole history as the policy sees it.
        earned: Ids of the goals reached so far.
        done: No further step is possible.
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
    ) -> Self:
        """An episode that waits for the agent's first message.

        Args:
            scenario: What the user wants; of the world's mode.
            world: Databases, tools and limits.
            user: Opens the dialogue at once.
            system_prompt: First message of the history; left out if empty.
            seed: Varies the booking references; the user brings its own seed.

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
        episode._hear(await user(scenario, ()))
        return episode

    @property
    def tools(self) -> Sequence[Tool]:
        return self.world.tools

    @property
    def goals(self) -> AbstractSet[str]:
        """Ids of every goal of the scenario."""
        return frozenset(goal.id for goal in self.scenario.goals)

    async def step(self, message: Message) -> Step:
        """Append one assistant message and play the world's answer to it.

        Raises:
            RuntimeError: the episode is already done.
            Exception: the user's engine failed; the episode is as it was before the step.
        """
        if self.done:
            raise RuntimeError(f"scenario {self.scenario.id}: the dialogue is already over")
        before = self.messages
        calls = list(tool_calls(message))
        if calls:
            new = self._answer(message, calls)
        else:
            new = frozenset()
            await self._speak(message)
        return Step(self.messages[len(before) + 1 :], new, self.done)

    def fork(self) -> Self:
        """An independent copy at this point: everything it shares is immutable."""
        twin = object.__new__(type(self))
        twin.scenario = self.scenario
        twin.world = self.world
        twin.user = self.user
        twin.messages = self.messages
        twin.earned = self.earned
        twin.done = self.done
        twin._seed = self._seed
        twin._heard = self._heard
        twin._calls = self._calls
        return twin

    def _answer(self, message: Message, calls: Sequence[ToolCall]) -> frozenset[str]:
        results: list[Message] = []
        reached: set[str] = set()
        spent = self._calls >= self.world.limits.model_calls
        for number, call in enumerate(calls):
            if spent:
                content = _NO_MORE
            elif number >= self.world.limits.parallel_calls:
                content = _TOO_MANY
            else:
                content, goal = self._make(call)
                reached |= goal
            results.append(_tool_message(call, content))
        self.messages = (*self.messages, message, *results)
        self._calls += 1
        self.done = spent
        new = frozenset(reached - self.earned)
        self.earned |= new
        return new

    def _make(self, call: ToolCall) -> tuple[str, frozenset[str]]:
        answer = self.world.answer(self.scenario, call.name, call.arguments, seed=self._seed)
        goal = earned(self.world.database, self.scenario, answer)
        return answer.content, frozenset() if goal is None else frozenset((goal,))

    async def _speak(self, message: Message) -> None:
        said: Message = {"role": "assistant", "content": str(message.get("content") or "")}
        heard = (*self._heard, said)
        reply = None
        if len(heard) < self.world.limits.messages:
            reply = await self.user(self.scenario, heard)
        # Only now does the episode change: the user's engine may have failed.
        self.messages = (*self.messages, message)
        self._heard = heard
        self._calls = 0
        self._hear(reply)

    def _hear(self, reply: str | None) -> None:
        if reply is not None:
            heard: Message = {"role": "user", "content": reply}
            self._heard = (*self._heard, heard)
            self.messages = (*self.messages, heard)
        self.done = reply is None or len(self._heard) >= self.world.limits.messages


def tool_calls(message: Message) -> Iterator[ToolCall]:
    """The tool calls of an assistant message; entries of the wrong shape have no name."""
    calls = message.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list | tuple) else ()):
        entry = call if isinstance(call, Mapping) else {}
        function = entry.get("function")
        function = function if isinstance(function, Mapping) else {}
        identity = str(entry.get("id") or f"call_{number}")
        yield ToolCall(identity, function.get("name"), function.get("arguments"))


def _tool_message(call: ToolCall, content: str) -> Message:
    # A lone surrogate in a model's text could not be written to any file.
    name = call.name.encode(errors="replace").decode() if isinstance(call.name, str) else ""
    return {"role": "tool", "tool_call_id": call.id, "name": name, "content": content}
