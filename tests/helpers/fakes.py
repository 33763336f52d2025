"""A world of one tool and a policy that reads from a script: small, real, and quick.

A move of a script is a string: ``+a`` calls the tool for goal a (``+ab`` for a and then b, in one
message), ``!`` calls a tool that is not there, ``<`` cannot go on, anything else is speech.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from dialogue.seeds import call_seed

Message = dict[str, Any]
TOOL = {
    "type": "function",
    "function": {
        "name": "reach",
        "description": "Reach a goal.",
        "parameters": {"type": "object", "properties": {"goal": {"type": "string"}}},
    },
}


def say(text: str) -> Message:
    return {"role": "assistant", "content": text}


def call(*goals: str, tool: str = "reach") -> Message:
    """A message with one call for each goal."""
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": tool, "arguments": json.dumps({"goal": goal})},
        }
        for number, goal in enumerate(goals)
    ]
    return {"role": "assistant", "content": "", "tool_calls": calls}


@dataclass(frozen=True)
class FakeStep:
    messages: Sequence[Message]
    earned: frozenset[str] = frozenset()
    done: bool = False


@dataclass
class FakeEpisode:
    """The user answers "go on 1", "go on 2"..., and hangs up on "bye", or after 100.

    The tool earns the goal it is called for; the goal "thanks" is earned by saying "praise".
    """

    goals: frozenset[str]
    messages: list[Message] = field(
        default_factory=lambda: [
            {"role": "system", "content": "Reach the goals."},
            {"role": "user", "content": "go on 0"},
        ]
    )
    reached: set[str] = field(default_factory=set)
    done: bool = False
    tools: Sequence[Message] = (TOOL,)

    def fork(self) -> Self:
        return type(self)(self.goals, list(self.messages), set(self.reached), self.done, self.tools)

    async def step(self, message: Message) -> FakeStep:
        if self.done:
            raise RuntimeError("the episode is over")
        step = self._calls(message) if message.get("tool_calls") else self._speech(message)
        self.messages += [message, *step.messages]
        self.reached |= step.earned
        self.done = step.done
        return step

    def _calls(self, message: Message) -> FakeStep:
        answers, earned = [], set()
        for made in message["tool_calls"]:
            known = made["function"]["name"] == "reach"
            goal = json.loads(made["function"]["arguments"])["goal"] if known else None
            answer = {"reached": goal in self.goals} if known else {"error": "no such tool"}
            if known and goal in self.goals - self.reached:
                earned.add(goal)
            answers.append(
                {"role": "tool", "tool_call_id": made["id"], "content": json.dumps(answer)}
            )
        return FakeStep(answers, frozenset(earned))

    def _speech(self, message: Message) -> FakeStep:
        heard = sum(past["role"] == "user" for past in self.messages)
        if message["content"] == "bye" or heard == 100:
            return FakeStep([], done=True)
        earned = {"thanks"} & (self.goals - self.reached) if message["content"] == "praise" else ()
        return FakeStep([{"role": "user", "content": f"go on {heard}"}], frozenset(earned))


@dataclass(frozen=True)
class FakeCompletion:
    message: Message
    finish_reason: str = "stop"
    prompt_tokens: int = 10
    completion_tokens: int = 5
    model: str = "script"
    token_ids: Sequence[int] = ()
    logprobs: Sequence[float] = ()


def move(text: str) -> Message:
    if text == "!":
        return call("x", tool="missing")
    return call(*text[1:]) if text.startswith("+") else say(text)


class Script:
    """A policy that plays, at each node of the tree, the moves written for it.

    ``{"0.1": ["+a", "done"]}`` is a call and then speech by the second child of the first child of
    the root. A node without a line says "hm", and so does one whose line has run out.
    """

    def __init__(
        self, moves: Mapping[str, Sequence[str]], *, scenario: str = "s", seed: int = 0
    ) -> None:
        places = {
            f"{path}:{number}": text
            for path, texts in moves.items()
            for number, text in enumerate(texts)
        }
        self.by_seed = {call_seed(seed, scenario, place): text for place, text in places.items()}
        self.asked: list[int] = []

    async def __call__(self, *_: Sequence[Message], seed: int) -> FakeCompletion | None:
        self.asked.append(seed)
        text = self.by_seed.get(seed, "hm")
        return None if text == "<" else FakeCompletion(move(text))


class Luck:
    """A policy that draws its move from the seed, and nothing else."""

    MOVES = ("hm", "ho", "+x", "+x", "!", "+a", "+b", "+c", "+d", "<", "bye")

    def __init__(self, failing: int | None = None) -> None:
        self.asked: list[int] = []
        self.failing = failing

    async def __call__(self, *_: Sequence[Message], seed: int) -> FakeCompletion | None:
        self.asked.append(seed)
        if len(self.asked) == self.failing:
            raise ConnectionError("the engine is gone")
        text = self.MOVES[seed % len(self.MOVES)]
        return None if text == "<" else FakeCompletion(move(text))
