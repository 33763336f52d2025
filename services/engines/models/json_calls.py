"""Calls that stand as JSON without tags, as small Qwen2.5-Coder models write them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dialogue import tool_text
from dialogue.protocols import Message
from dialogue.strict_json import decode_at, utf8
from dialogue.tool_text import FunctionCall

_WRAPPED = (
    re.compile(r"```\w*\s*(.*?)\s*(?:```)?", re.DOTALL),
    re.compile(r"<tools>\s*(.*?)\s*(?:</tools>)?", re.DOTALL),
)
_BEGUN = re.compile(r'\[?\s*\{\s*"name"\s*:\s*"[^"]*"\s*,\s*"(?:arguments|parameters)"\s*:')


def parse(text: str) -> Message:
    """The message a text stands for; total, as :func:`dialogue.tool_text.parse`.

    Tags are read as there. A text that is wholly calls, each ``{"name": ..., "arguments": ...}``,
    bare, in a fence or in ``<tools>``, alone, one after the other or in a list, is calls. One that
    begins like that and is no JSON is a malformed call. All else is speech, JSON in it or not.
    """
    message = tool_text.parse(text)
    if "tool_calls" in message:
        return message
    body = _unwrapped(utf8(text).strip())
    calls = _calls(body)
    return tool_text.assistant("", calls) if calls else message


def _unwrapped(text: str) -> str:
    for pattern in _WRAPPED:
        if found := pattern.fullmatch(text):
            return found[1]
    return text


def _calls(body: str) -> list[FunctionCall]:
    """All calls of a body; none if it holds anything else."""
    calls: list[FunctionCall] = []
    position = 0
    while position < len(body):
        try:
            value, position = decode_at(body, position)
        except ValueError:
            return [tool_text.malformed(body)] if not calls and _BEGUN.match(body) else []
        for one in value if isinstance(value, list) else [value]:
            call = tool_text.call_of(one) if _has_arguments(one) else None
            if call is None:
                return []
            calls.append(call)
        position += len(body[position:]) - len(body[position:].lstrip(" \n\t\r;"))
    return calls


def _has_arguments(value: object) -> bool:
    """Whether an object names arguments: ``{"name": "Lovell Lodge"}`` is a hotel, not a call."""
    return isinstance(value, Mapping) and not {"arguments", "parameters"}.isdisjoint(value)
