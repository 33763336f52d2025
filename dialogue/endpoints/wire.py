"""Messages as OpenAI-compatible servers take them, and what they answer, read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dialogue.protocols import Completion, Message
from dialogue.strict_json import dumps, loads
from dialogue.tool_text import FunctionCall, assistant, parse

_MESSAGE_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


def sendable(message: Message) -> Message:
    """The message as servers accept it: known keys, and tool calls they can read back.

    Many servers refuse a whole history for one malformed tool call in it. What the model wrote
    then goes in quotes, under a name the format allows.
    """
    known = {key: message[key] for key in _MESSAGE_KEYS if message.get(key) is not None}
    if calls := known.get("tool_calls"):
        known["tool_calls"] = [
            {**call, "function": _sendable_function(call["function"])} for call in calls
        ]
    return known


def completion(body: Mapping[str, Any], *, text_tools: bool) -> Completion:
    """The message in the body of an answer, and its bookkeeping.

    Args:
        body: What the server answered.
        text_tools: Tool calls that stand in the text are read from it.

    Raises:
        LookupError, TypeError, AttributeError, ValueError: it is no chat completion.
    """
    choice = body["choices"][0]
    usage = body.get("usage") or {}
    logprobs = (choice.get("logprobs") or {}).get("content") or ()
    return Completion(
        message=_message(choice["message"], text_tools),
        finish_reason=choice.get("finish_reason") or "stop",
        prompt_tokens=usage.get("prompt_tokens") or 0,
        completion_tokens=usage.get("completion_tokens") or 0,
        cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        model=body.get("model") or "",
        token_ids=tuple(choice.get("token_ids") or ()),
        logprobs=tuple(token["logprob"] for token in logprobs),
    )


def _message(received: Mapping[str, Any], text_tools: bool) -> Message:
    content = received.get("content") or ""
    functions = [call["function"] for call in received.get("tool_calls") or ()]
    if text_tools and not functions:
        return parse(content)
    # Servers invent an id a call; ours are by position, so that equal answers are equal.
    return assistant(content, [_call(function) for function in functions])


def _call(function: Mapping[str, Any]) -> FunctionCall:
    arguments = function.get("arguments") or "{}"  # llama.cpp may send the object itself
    return FunctionCall(
        function["name"], arguments if isinstance(arguments, str) else dumps(arguments)
    )


def _sendable_function(function: Mapping[str, Any]) -> dict[str, str]:
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", function["name"])[:64] or "unknown"
    arguments = function["arguments"]
    try:
        well_formed = isinstance(loads(arguments), dict)
    except ValueError:
        well_formed = False
    return {
        "name": name,
        "arguments": arguments if well_formed else dumps({"malformed": arguments}),
    }
