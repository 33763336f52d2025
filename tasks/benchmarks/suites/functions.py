"""Functions and calls in the form that scorers read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from dialogue.protocols import Message, Tool
from dialogue.strict_json import dumps, loads
from dialogue.tool_text import FunctionCall, assistant, calls_of


class Called(NamedTuple):
    """A call of a policy; its arguments are None if they are no JSON object."""

    name: str
    arguments: Mapping[str, Any] | None


def called(message: Message) -> list[Called]:
    """The calls of a message, in order."""
    return [Called(call.name, _arguments(call.arguments)) for call in calls_of(message)]


def calling(*calls: tuple[str, Mapping[str, Any]]) -> Message:
    """An assistant message that makes these calls."""
    return assistant("", [FunctionCall(name, dumps(dict(arguments))) for name, arguments in calls])


def tool(name: str, description: str, parameters: Mapping[str, Any]) -> Tool:
    """A tool in the OpenAI function format; ``parameters`` is a JSON schema."""
    function = {"name": name, "description": description, "parameters": dict(parameters)}
    return {"type": "function", "function": function}


def safe_name(name: str) -> str:
    """A function's name as the OpenAI format allows it: letters, digits, ``_`` and ``-``."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]


def _arguments(text: str) -> Mapping[str, Any] | None:
    try:
        value = loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
