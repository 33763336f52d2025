"""A leaf: a node that is being played, and the world as it stands there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from dialogue.errors import Fault
from dialogue.messages import is_error
from dialogue.protocols import Episode, Message
from josh.search.config import SearchConfig
from josh.search.dialogue import Dialogue
from josh.tree.node import Call, Ended, Node


@dataclass(slots=True, eq=False)
class Leaf:
    """What one branch does in one turn. Its ``to_node`` is called when the turn is over.

    Attributes:
        index: Index of the node it becomes; None for the root, which is no node.
        path: Sibling numbers from the root, "0.1.1": the name of the node in seeds and journals.
        parent: Index of the node it grows from.
        episode: The world after the last message; never changed, only replaced.
        before: Goals earned on the way to it.
        path_errors, path_calls: Calls answered with an error, and model calls, from the root to
            here.
        children: Number of children it has.
        unchecked: Goals earned and not yet seen by the search, in the order of earning.
        to_say: Speech the user has not answered yet.
    """

    index: int | None
    path: str
    parent: int | None
    episode: Episode
    before: frozenset[str] = frozenset()
    path_errors: int = 0
    path_calls: int = 0
    children: int = 0
    messages: list[Message] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    earned: set[str] = field(default_factory=set)
    unchecked: list[str] = field(default_factory=list)
    to_say: Message | None = None
    ended: Ended | None = None
    error: str | None = None

    def grow(self, index: int) -> Leaf:
        """The next child. It shares the episode until it makes a step."""
        path = f"{self.path}.{self.children}" if self.path else str(self.children)
        self.children += 1
        return Leaf(
            index,
            path,
            self.index,
            self.episode,
            self.before | self.earned,
            self.path_errors,
            self.path_calls,
        )

    async def act(self, dialogue: Dialogue, config: SearchConfig) -> None:
        """Let the policy call tools until it speaks; the user does not hear it yet."""
        try:
            while len(self.calls) < config.calls and not self.ended:
                said = await dialogue.complete(f"{self.path}:{len(self.calls)}", self.episode)
                if said is None:
                    self.ended = "context"
                    return
                self.messages.append(said.message)
                self.calls.append(said.call)
                self.path_calls += 1
                if not said.message.get("tool_calls"):
                    self.to_say = said.message
                    return
                await self._step(dialogue, said.message)
                if config.end_on_error and not self.earned and any(map(is_error, self.messages)):
                    self.ended = "bad_call"
        except Fault as fault:
            self.error = str(fault)

    async def reply(self, dialogue: Dialogue) -> None:
        """Let the user answer what was said."""
        if self.to_say is None or self.ended or self.error:
            return
        try:
            await self._step(dialogue, self.to_say)
            self.to_say = None
        except Fault as fault:
            self.error = str(fault)

    async def _step(self, dialogue: Dialogue, message: Message) -> None:
        place = f"{self.path}:{len(self.calls) - 1}"
        answer = await dialogue.step(place, self.episode, message, self.before | self.earned)
        self.episode, step = answer
        self.messages += step.messages
        self.path_errors += sum(map(is_error, step.messages))
        self.earned |= step.earned
        self.unchecked += sorted(step.earned)
        if step.done:
            self.ended = "done"

    def to_node(self) -> Node:
        return Node(
            self.parent,
            tuple(self.messages),
            frozenset(self.earned),
            tuple(self.calls),
            self.ended,
            self.error,
        )


async def act(leaves: Iterable[Leaf], dialogue: Dialogue, config: SearchConfig) -> None:
    """Let every leaf act, all at once."""
    await asyncio.gather(*(leaf.act(dialogue, config) for leaf in leaves))


async def reply(leaves: Iterable[Leaf], dialogue: Dialogue) -> None:
    """Let the user of every leaf answer, all at once."""
    await asyncio.gather(*(leaf.reply(dialogue) for leaf in leaves))
