"""Hermes-style tool calls: the text a model writes <-> the OpenAI message it means.

The format is that of the Hermes and Qwen chat templates::

    prose <tool_call>
    {"name": "search_hotel", "arguments": {"area": "north"}}
    </tool_call>

Judging a call is the environment's work: a malformed one is kept, its arguments being the text
the model wrote, so that the model can be told what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dialogue.messages import spoken
from dialogue.protocols import Message
from dialogue.strict_json import decode_at, dumps, loads, utf8

OPEN, CLOSE = "<tool_call>", "</tool_call>"
ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")
"""Names of a call's arguments, the format's own first, then those of other models."""
_BESIDE = {"name", "id", "type", *ARGUMENTS}
_TAG = re.compile(r"</?tool_call>")
_NAME = re.compile(r'"name"\s*:\s*"([^"\\]*)"')


class FunctionCall(NamedTuple):
    """A tool call's ``function``: name (empty if unreadable), arguments as JSON or raw text."""

    name: str
    arguments: str


class _Block(NamedTuple):
    call: FunctionCall
    end: int


def parse(text: str) -> Message:
    """The assistant message a text stands for; total: no text makes it raise.

    Prose before, between and after the calls is the content, "" where there is none. What stands
    in thought is neither: see :func:`dialogue.messages.spoken`. Calls are
    numbered ``call_0``, ``call_1``... so that equal texts give equal messages.
    """
    text = spoken(utf8(text))
    prose: list[str] = []
    calls: list[FunctionCall] = []
    position = 0
    while (start := text.find(OPEN, position)) >= 0:
        prose.append(text[position:start])
        call, position = _block(text, start + len(OPEN))
        calls.append(call)
    prose.append(text[position:])
    return assistant("\n".join(filter(None, map(str.strip, prose))), calls)


def render(message: Message) -> str:
    """The text of an assistant message: its content, then one block a call.

    ``parse(render(message)) == message`` for every message that :func:`parse` returns.
    """
    parts = [message["content"]] if message.get("content") else []
    parts += [f"{OPEN}\n{body_of(call)}\n{CLOSE}" for call in calls_of(message)]
    return "\n".join(parts)


def assistant(content: str, calls: Iterable[FunctionCall] = ()) -> Message:
    """An OpenAI assistant message; without calls it has no ``tool_calls`` key."""
    message: Message = {"role": "assistant", "content": content}
    if tool_calls := [
        {"id": f"call_{i}", "type": "function", "function": call._asdict()}
        for i, call in enumerate(calls)
    ]:
        message["tool_calls"] = tool_calls
    return message


def calls_of(message: Message) -> list[FunctionCall]:
    """The calls of a message, in its order."""
    functions = (call["function"] for call in message.get("tool_calls") or ())
    return [FunctionCall(function["name"], function["arguments"]) for function in functions]


def call_of(value: object) -> FunctionCall | None:
    """The call a decoded ``{"name": ..., "arguments": {...}}`` stands for; None if it is none.

    The arguments may have another of the names of :data:`ARGUMENTS`, and the call may be inside
    ``function``, as in the OpenAI format. Missing arguments are none given, unless an unknown key
    may hold them. Arguments that are themselves JSON text are decoded, since that is how the OpenAI
    format writes them.
    """
    if isinstance(value, Mapping) and "name" not in value and "function" in value:
        value = value["function"]
    if not isinstance(value, Mapping) or not isinstance(name := value.get("name"), str):
        return None
    given = next((key for key in ARGUMENTS if key in value), None)
    if given is None and value.keys() - _BESIDE:
        return None
    arguments = {} if given is None else value[given]
    if isinstance(arguments, str):
        try:
            inner = loads(arguments)
        except ValueError:
            inner = None
        arguments = inner if isinstance(inner, Mapping) else arguments
    return FunctionCall(utf8(name), dumps(arguments))


def body_of(call: FunctionCall) -> str:
    """The JSON of a call; of a malformed one, what the model wrote, name and all."""
    try:
        loads(call.arguments)
    except ValueError:
        return call.arguments
    return f'{{"name": {dumps(call.name)}, "arguments": {call.arguments}}}'


def malformed(body: str) -> FunctionCall:
    """The call of a body that is not JSON: all of it, under the name it seems to have."""
    name = _NAME.search(body)
    return FunctionCall(name[1] if name else "", body)


def _block(text: str, start: int) -> _Block:
    """The call whose opening tag ends at ``start``, and where the prose goes on."""
    try:
        value, end = decode_at(text, start)
    except ValueError:
        return _malformed_block(text, start)
    tag = _TAG.search(text, end)
    junk = text[end : tag.start() if tag else len(text)].strip()
    unclosed = tag is None or tag[0] == OPEN
    call = call_of(value)
    if junk and not (unclosed and call):
        return _malformed_block(text, start)
    call = call or FunctionCall("", dumps(value))
    return _Block(call, end if tag is None or unclosed else tag.end())


def _malformed_block(text: str, start: int) -> _Block:
    tag = _TAG.search(text, start)
    body = text[start : tag.start() if tag else len(text)].strip()
    end = len(text) if tag is None else tag.end() if tag[0] == CLOSE else tag.start()
    return _Block(malformed(body), end)
