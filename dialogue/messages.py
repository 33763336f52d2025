"""Reading and making chat messages: tool calls, results, speech, silence, errors, equality."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

from dialogue.protocols import Message


class ToolCall(NamedTuple):
    """One entry of an assistant message's ``tool_calls``, whatever shape the model gave it."""

    id: str
    name: Any
    arguments: Any


def tool_calls(message: Message) -> Iterator[ToolCall]:
    """The tool calls of an assistant message; entries of the wrong shape have no name."""
    calls = message.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list | tuple) else ()):
        entry = call if isinstance(call, Mapping) else {}
        function = entry.get("function")
        function = function if isinstance(function, Mapping) else {}
        identity = str(entry.get("id") or f"call_{number}")
        yield ToolCall(identity, function.get("name"), function.get("arguments"))


def is_silent(message: Message) -> bool:
    """Whether a message neither says nor calls anything."""
    content = message.get("content")
    blank = not content.strip() if isinstance(content, str) else not content
    return blank and not message.get("tool_calls")


def tool_result(call: ToolCall, content: str) -> Message:
    """The message that answers a call."""
    # A lone surrogate in a model's text could not be written to any file.
    name = call.name.encode(errors="replace").decode() if isinstance(call.name, str) else ""
    return {"role": "tool", "tool_call_id": call.id, "name": name, "content": content}


def utterance(role: str, content: object) -> tuple[Message, ...]:
    """What was said as a message; nothing, where the user hung up."""
    return () if content is None else ({"role": role, "content": str(content)},)


def is_error(message: Message) -> bool:
    """Whether a tool refused its call: it answered with a JSON object that has an ``error``."""
    content = message.get("content")
    if message.get("role") != "tool" or not isinstance(content, str) or '"error"' not in content:
        return False
    try:
        answer = json.loads(content)
    except ValueError:
        return False
    return isinstance(answer, dict) and bool(answer.get("error"))


def meaning(message: Message) -> Hashable:
    """Equal for messages that say and call the same, whatever ids their tool calls carry."""
    calls = tuple(
        json.dumps({key: value for key, value in call.items() if key != "id"}, sort_keys=True)
        for call in message.get("tool_calls") or ()
    )
    return message["role"], message.get("content") or "", calls
