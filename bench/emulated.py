"""An emulated engine, user and world: their answers follow from the seed, their time is set.

It plays the same dialogues for every way of searching, so two searches can be compared by their
clocks alone.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

Message = dict[str, Any]

GOALS = ("search_hotel", "book_hotel", "search_train", "book_train")
SYSTEM_PROMPT = "You are a helpful assistant. " * 550  # 15.9k characters, as the published one
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in GOALS]
SPEECH = "I have found a hotel in the north of the city for you. Shall I book it for three nights?"
REPLY = "Yes, please, for two people from Sunday. And I also need a train to Cambridge."
FOUND = json.dumps({"count": 3, "results": [{"name": "acorn guest house", "area": "north"}] * 3})


@dataclass(frozen=True, slots=True)
class Completion:
    message: Message
    finish_reason: str = "stop"
    prompt_tokens: int = 4000
    completion_tokens: int = 30
    cached_tokens: int = 0
    model: str = "emulated"
    seconds: float = 0.0
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()


def utter(messages: list[Message], seed: int, luck: int) -> Message:
    """What the model says: a call in a third of the turns, in ``luck`` of 1000 one that counts."""
    draw = seed % 1000
    if messages[-1]["role"] == "tool" or draw >= 333:
        return {"role": "assistant", "content": SPEECH}
    name = GOALS[seed // 1000 % len(GOALS)] if draw < luck else "look"
    function = {"name": name, "arguments": '{"area": "north", "stars": "4"}'}
    call = {"id": "call_0", "type": "function", "function": function}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


class Engine:
    """A policy without a batch limit: every call takes the same time, however many there are."""

    def __init__(self, seconds: float = 0.0, luck: int = 100) -> None:
        self.seconds = seconds
        self.luck = luck
        self.calls = 0

    async def __call__(self, messages: Any, tools: Any, *, seed: int) -> Completion:
        del tools  # what it says follows from the seed
        self.calls += 1
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return Completion(utter(messages, seed, self.luck))


class Answer(NamedTuple):
    messages: list[Message]
    earned: frozenset[str]
    done: bool


@dataclass(slots=True)
class Episode:
    """A dialogue; its user takes as long as the engine, and never hangs up."""

    seconds: float = 0.0
    messages: list[Message] = field(
        default_factory=lambda: [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": "I am looking for a hotel."},
        ]
    )
    reached: frozenset[str] = frozenset()
    tools: Any = field(default_factory=lambda: TOOLS)
    goals: frozenset[str] = frozenset(GOALS)

    def fork(self) -> Self:
        return type(self)(self.seconds, list(self.messages), self.reached, self.tools, self.goals)

    async def step(self, message: Message) -> Answer:
        if self.seconds and "tool_calls" not in message:
            await asyncio.sleep(self.seconds)
        return self.answer(message)

    def answer(self, message: Message) -> Answer:
        """The answer alone, without the wait for the user."""
        earned: frozenset[str] = frozenset()
        if "tool_calls" in message:
            call = message["tool_calls"][0]
            earned = (self.goals & {call["function"]["name"]}) - self.reached
            reply = {"role": "tool", "tool_call_id": call["id"], "content": FOUND}
        else:
            reply = {"role": "user", "content": REPLY}
        self.messages += [message, reply]
        self.reached |= earned
        return Answer([reply], earned, False)
