"""Reading and making chat messages: tool calls, results, speech, silence, errors, equality."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from dialogue.protocols import Completion, Message

_MOST = 2**53
"""Above every count and token id, and exact in every format that may hold them."""
THINK, END_OF_THINK = "<think>", "</think>"
_THOUGHT = re.compile(rf"{THINK}(.*?)(?:{END_OF_THINK}|\Z)", re.DOTALL)


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


def checked(completion: Completion) -> Completion:
    """A completion that can be kept, sent back and counted, as it is.

    Raises:
        ValueError: a value is of another type, out of range, or text that UTF-8 cannot hold.
    """
    message = completion.message
    content, calls = message.get("content"), message.get("tool_calls")
    _require(message.get("role") == "assistant", "role", message.get("role"))
    _require(content is None or isinstance(content, str), "content", content)
    _require(calls is None or isinstance(calls, list), "tool_calls", calls)
    for call in tool_calls(message):
        _require(isinstance(call.name, str), "name", call.name)
        _require(isinstance(call.arguments, str), "arguments", call.arguments)
    for name in ("model", "finish_reason"):
        value = getattr(completion, name)
        _require(isinstance(value, str), name, value)
        value.encode()
    for name in ("prompt_tokens", "completion_tokens"):
        value = getattr(completion, name)
        _require(_is_count(value), name, value)
    cached = getattr(completion, "cached_tokens", None)
    _require(cached is None or _is_count(cached), "cached_tokens", cached)
    for value in completion.token_ids:
        _require(_is_count(value), "token_ids", value)
    for value in completion.logprobs:
        _require(_is_number(value), "logprobs", value)
    try:
        json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(f"message: {error}") from error
    return completion


def _require(fits: bool, name: str, value: object) -> None:
    if not fits:
        raise ValueError(f"{name} is {value!r:.50}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isfinite(value) and abs(value) < _MOST


class Parted(NamedTuple):
    """A text's thought, "" if it has none, and the rest of it."""

    thought: str
    rest: str


def part_thought(text: str, *, opened: bool = False) -> Parted:
    """Take the ``<think>`` blocks, closed or cut off, out of a text; one without is as it was.

    Args:
        text: What the model wrote.
        opened: Whether the prompt ends inside a block. A text with a lone end of a block was so,
            too.
    """
    blocks: list[str] = _THOUGHT.findall(text)
    unclosed, end, rest = _THOUGHT.sub("", text).rpartition(END_OF_THINK)
    if opened and not (end or blocks):
        unclosed, rest = text, ""
    thought = "\n".join(filter(None, map(str.strip, [*unclosed.split(END_OF_THINK), *blocks])))
    changed = opened or end or blocks
    return Parted(thought, rest.strip() if changed else text)


def spoken(text: str) -> str:
    """What a model says aloud: its text without its thought."""
    return part_thought(text).rest


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
