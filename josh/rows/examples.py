"""An example: one assistant message, all messages before it, and whether it was refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dialogue.messages import is_error, is_silent, meaning
from dialogue.protocols import Message
from dialogue.strict_json import compact_json
from josh.tree.node import Call
from josh.tree.tree import Tree


class Example(NamedTuple):
    """One assistant message of a tree.

    Attributes:
        node: Index of the node it stands in.
        prompt: All messages before it.
        message: The assistant message.
        call: The model call that wrote it.
        refused: Whether one of its calls was answered with an error.
    """

    node: int
    prompt: Sequence[Message]
    message: Message
    call: Call
    refused: bool

    @property
    def flaw(self) -> str | None:
        """The reason why no model should learn from it, good or bad; None if there is none."""
        if self.call.finish_reason == "length":
            return "truncated"
        return "empty" if is_silent(self.message) else None

    @property
    def flaw_as_good(self) -> str | None:
        """The reason why no model should learn to say it, even where it led to a reward."""
        return self.flaw or ("refused call" if self.refused else None)


def examples(tree: Tree, index: int) -> Iterator[Example]:
    """The assistant messages of a node, in order."""
    node = tree.nodes[index]
    before, calls = tree.history(node.parent), iter(node.calls)
    for position, message in enumerate(node.messages):
        if message["role"] == "assistant":
            answers = _answers(node.messages[position + 1 :])
            prompt = [*before, *node.messages[:position]]
            yield Example(index, prompt, message, next(calls), any(map(is_error, answers)))


def _answers(messages: Sequence[Message]) -> Iterator[Message]:
    for message in messages:
        if message["role"] != "tool":
            return
        yield message


def prompt_key(prompt: Sequence[Message]) -> bytes:
    """A hash that prompts share if they say the same; 16 bytes, as there may be millions."""
    said = compact_json([meaning(message) for message in prompt])
    return hashlib.blake2b(said, digest_size=16).digest()
