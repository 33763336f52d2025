"""What JOSH reads in a chat message: whether a tool refused, and whether two say the same."""

from __future__ import annotations

import json
from collections.abc import Hashable

from josh.protocols import Message


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
