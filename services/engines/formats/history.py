"""Messages of a history as chat templates take them."""

from __future__ import annotations

import re
from typing import Any

from dialogue.protocols import Message
from dialogue.strict_json import loads

_NUMBER = re.compile(r"call_(\d+)")


def for_template(message: Message) -> Message:
    """The message with arguments as objects, not as JSON text, and with ids of nine characters.

    Arguments that are no JSON object stay text. Mistral's templates refuse shorter ids.
    """
    if calls := message.get("tool_calls"):
        return {**message, "tool_calls": [_decoded(call) for call in calls]}
    if identity := message.get("tool_call_id"):
        return {**message, "tool_call_id": _identity(identity)}
    return message


def _decoded(call: dict[str, Any]) -> dict[str, Any]:
    call = {**call, "id": _identity(call["id"])} if "id" in call else call
    function = call["function"]
    try:
        arguments = loads(function["arguments"])
    except ValueError:
        return call
    if not isinstance(arguments, dict):
        return call
    return {**call, "function": {**function, "arguments": arguments}}


def _identity(identity: str) -> str:
    found = _NUMBER.fullmatch(identity)
    return f"call{int(found[1]):05}" if found else identity
