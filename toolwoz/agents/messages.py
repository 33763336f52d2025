"""Reading and writing the messages of a dialogue, as every scripted policy does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from dialogue.protocols import Completion, Message
from toolwoz.agents import phrases

Row = Mapping[str, str]


def speak(text: str) -> Completion:
    """Speech to the user."""
    return Completion({"role": "assistant", "content": text})


def call(messages: Sequence[Message], tool: str, arguments: Mapping[str, Any]) -> Completion:
    """One tool call; its id tells its place in the dialogue."""
    function = {"name": tool, "arguments": json.dumps(arguments, ensure_ascii=False)}
    entry = {"id": f"call_{len(messages)}", "type": "function", "function": function}
    return Completion({"role": "assistant", "content": "", "tool_calls": [entry]}, "tool_calls")


def last_row(messages: Sequence[Message], domain: str) -> Row | None:
    """The entity under discussion: the first of the domain's last search that found one."""
    for message in reversed(messages):
        if message["role"] == "tool" and message["name"] == f"search_{domain}":
            rows = _rows(json.loads(message["content"]))
            if rows:
                return rows[0]
    return None


def last_reference(messages: Sequence[Message]) -> str | None:
    """The reference number of the last booking."""
    for message in reversed(messages):
        if message["role"] == "tool" and str(message["name"]).startswith("book_"):
            reference = json.loads(message["content"]).get("reference")
            if reference:
                return str(reference)
    return None


def report(result: Message, rng: Random) -> str:
    """What a tool's answer says, in words for the user."""
    kind, _, domain = str(result["name"]).partition("_")
    answer = json.loads(result["content"])
    if kind == "search":
        rows = _rows(answer)
        return phrases.offer(domain, rows[0], rng) if rows else phrases.nothing_found(domain, rng)
    if answer.get("success"):
        return phrases.booked(answer["reference"], rng)
    return phrases.not_booked(str(answer.get("reason", "")), rng)


def _rows(answer: Any) -> Sequence[Row]:
    """The rows of a search's answer: an object in ``v2``, a list in ``parity``; none if refused."""
    rows: Sequence[Row] = answer.get("results", ()) if isinstance(answer, Mapping) else answer
    return rows
