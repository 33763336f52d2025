"""Rows of an extracted set as lines of a fine-tuning file: chat format, or preference format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Line = dict[str, Any]
Message = dict[str, Any]

KEPT = ("role", "content", "tool_calls", "tool_call_id")
"""Keys of a message that services know; they refuse others."""


class FrontierError(ValueError):
    """A set that cannot become a fine-tuning file, or one that a service would refuse."""


def lines(rows: Iterable[Row]) -> Iterator[Line]:
    """The lines of a set: whole dialogues and single answers for SFT, pairs for DPO.

    Before a single answer, the assistant's messages have weight 0: they are read, not trained.

    Raises:
        FrontierError: a row of KTO, for which services have no format.
    """
    for number, row in enumerate(rows, start=1):
        tools = json.loads(row["tools"])
        if "chosen" in row:
            yield {
                "input": {"messages": _messages(row["prompt"]), "tools": tools},
                "preferred_output": _messages(row["chosen"], len(row["prompt"])),
                "non_preferred_output": _messages(row["rejected"], len(row["prompt"])),
            }
        elif row.get("label") is not None:
            raise FrontierError(
                f"row {number}: services train on pairs (dpo) or on what is right (sft), not on "
                "rows with a label (kto): export a set of another extractor"
            )
        elif "completion" in row:
            before = [_weighed(message) for message in _messages(row["prompt"])]
            answer = _messages(row["completion"], len(before))
            yield {"messages": [*before, *answer], "tools": tools}
        else:
            yield {"messages": _messages(row["messages"]), "tools": tools}


def conversations(line: Line) -> list[list[Message]]:
    """Every text of a line, as the messages from its beginning to its end."""
    if "messages" in line:
        return [line["messages"]]
    prompt = line["input"]["messages"]
    return [prompt + line[output] for output in ("preferred_output", "non_preferred_output")]


def tools_of(line: Line) -> list[dict[str, Any]]:
    """The tools of a line of either format."""
    return list((line if "messages" in line else line["input"]).get("tools") or ())


def _messages(messages: Sequence[Mapping[str, Any]], start: int = 0) -> list[Message]:
    """Messages with the keys that services know, and a unique id for each call.

    A harvest numbers the calls of each message from 0, so that equal answers are equal there.
    """
    made, ids = [], dict[str, str]()
    for position, message in enumerate(map(_message, messages), start):
        if calls := message.get("tool_calls"):
            ids = {call["id"]: f"call_{position}_{n}" for n, call in enumerate(calls)}
            message["tool_calls"] = [{**call, "id": ids[call["id"]]} for call in calls]
        if message["role"] == "tool":
            message["tool_call_id"] = ids.get(message["tool_call_id"], message["tool_call_id"])
        made.append(message)
    return made


def _message(message: Mapping[str, Any]) -> Message:
    kept = {key: message[key] for key in KEPT if message.get(key) is not None}
    if kept.get("tool_calls") and not kept.get("content"):
        kept.pop("content", None)  # services want none in a message of calls
    return kept


def _weighed(message: Message) -> Message:
    return {**message, "weight": 0} if message["role"] == "assistant" else message
