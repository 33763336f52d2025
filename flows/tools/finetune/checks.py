"""Faults for which a service would refuse a file, each with its line and the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.tools.finetune.lines import Line, Message, conversations, tools_of

LEAST_EXAMPLES = 10
MOST_BYTES = 512 * 2**20
MOST_TOOLS = 128
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
OUTPUTS = ("preferred_output", "non_preferred_output")


def faults(lines: Sequence[Line], size: int) -> list[str]:
    """All faults of a file; empty if a service would take it.

    Args:
        lines: Lines of the file.
        size: Size of the file in bytes.
    """
    found = [
        f"line {number}: {fault}" for number, line in enumerate(lines, 1) for fault in _of(line)
    ]
    if len(lines) < LEAST_EXAMPLES:
        found.append(f"it has {len(lines)} examples, and at least {LEAST_EXAMPLES} are needed")
    if len({"messages" in line for line in lines}) > 1:
        found.append("it mixes the chat format with the preference format")
    if size > MOST_BYTES:
        found.append(f"it has {size / 2**20:.0f} MiB, and at most 512 are taken: export fewer rows")
    return found


def _of(line: Line) -> Iterator[str]:
    names = [tool.get("function", {}).get("name", "") for tool in tools_of(line)]
    yield from _tool_faults(names)
    if "messages" in line:
        yield from _chat_faults(line["messages"], names)
    else:
        yield from _pair_faults(line, names)


def _tool_faults(names: Sequence[str]) -> Iterator[str]:
    if len(names) > MOST_TOOLS:
        yield f"it has {len(names)} tools, and at most {MOST_TOOLS} are taken"
    if len(set(names)) < len(names):
        yield "two of its tools have one name"
    yield from (f"{name!r} is no name for a tool" for name in names if not NAME.fullmatch(name))


def _chat_faults(messages: Sequence[Message], names: Sequence[str]) -> Iterator[str]:
    yield from _message_faults(messages, names)
    if not messages or messages[-1].get("role") != "assistant":
        yield "its last message is not the assistant's"
    said = [message for message in messages if message.get("role") == "assistant"]
    if said and all(message.get("weight") == 0 for message in said):
        yield "every message of the assistant has weight 0: nothing would be trained"


def _pair_faults(line: Line, names: Sequence[str]) -> Iterator[str]:
    prompt = line["input"]["messages"]
    if not prompt or prompt[-1].get("role") == "assistant":
        yield "its input does not end with a message that asks for an answer"
    for output in OUTPUTS:
        if [message.get("role") for message in line[output]] != ["assistant"]:
            yield f"its {output} is not one message of the assistant"
    if line[OUTPUTS[0]] == line[OUTPUTS[1]]:
        yield "both of its outputs are the same"
    found = [
        fault for messages in conversations(line) for fault in _message_faults(messages, names)
    ]
    yield from dict.fromkeys(found)


def _message_faults(messages: Sequence[Message], names: Sequence[str]) -> Iterator[str]:
    """Faults of roles and contents, and calls without an answer before the next message."""
    waiting: set[str] = set()
    for number, message in enumerate(messages, start=1):
        for fault in _one(message, names):
            yield f"message {number}: {fault}"
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                yield f"message {number}: it answers a call that was not made"
            waiting.discard(message.get("tool_call_id", ""))
            continue
        if waiting:
            yield f"message {number}: the call {min(waiting)} before it has no answer"
        ids = [call.get("id", "") for call in message.get("tool_calls") or ()]
        if len(set(ids)) < len(ids):
            yield f"message {number}: two of its calls have one id"
        waiting = set(ids)


def _one(message: Message, names: Sequence[str]) -> Iterator[str]:
    role = message.get("role")
    if role not in ROLES:
        yield f"its role is {role!r}; one of {', '.join(sorted(ROLES))} is known"
    if not message.get("tool_calls") and not message.get("content"):
        yield "it has neither content nor tool calls"
    if message.get("weight") not in (None, 0, 1):
        yield f"its weight is {message['weight']}; only 0 and 1 are taken"
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        if function.get("name") not in names:
            yield f"it calls {function.get('name')!r}, which is none of its tools"
        if not _is_object(function.get("arguments")):
            given = str(function.get("arguments"))[:60]
            yield f"its call's arguments are no JSON object: {given!r}"


def _is_object(arguments: Any) -> bool:
    if not isinstance(arguments, str):
        return False
    try:
        return isinstance(json.loads(arguments), Mapping)
    except ValueError:
        return False
