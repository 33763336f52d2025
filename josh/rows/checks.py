"""Checks of training rows: a row that breaks a rule is named before a trainer sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pandera.pandas as pa

from dialogue.messages import is_silent, meaning
from josh.rows.extractors import Row


def check_rows(rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as a table, if TRL can train on every one.

    Raises:
        pandera.errors.SchemaErrors: which rows break which rule.
    """
    frame = pd.DataFrame(list(rows))
    if frame.empty:
        return frame
    columns = {name: column for name, column in _COLUMNS.items() if name in frame}
    needed = {name: _COLUMNS[name] for name in ("tools", "scenario", "node")}
    schema = pa.DataFrameSchema({**needed, **columns}, checks=_WHOLE, strict=True)
    return schema.validate(frame, lazy=True)


def _each(rule: Callable[[Any], bool], says: str) -> pa.Check:
    return pa.Check(rule, element_wise=True, error=says)


def _is_dialogue(messages: Any) -> bool:
    if not _is_chat(messages) or messages[-1]["role"] != "assistant":
        return False
    return not any(message["role"] == "assistant" and is_silent(message) for message in messages)


def _is_prompt(messages: Any) -> bool:
    return _is_chat(messages) and messages[-1]["role"] in ("user", "tool")


def _is_chat(messages: Any) -> bool:
    roles = ("system", "user", "assistant", "tool")
    return bool(messages) and all(message.get("role") in roles for message in messages)


def _is_answer(messages: Any) -> bool:
    """Whether it is one assistant message that says or calls something."""
    return len(messages) == 1 and messages[0]["role"] == "assistant" and not is_silent(messages[0])


def _is_tools(text: str) -> bool:
    try:
        tools = json.loads(text)
    except ValueError:
        return False
    return isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)


def _differ(frame: pd.DataFrame) -> bool | pd.Series[bool]:
    if "chosen" not in frame:
        return True
    both = zip(frame["chosen"], frame["rejected"], strict=True)
    return pd.Series([meaning(a[0]) != meaning(b[0]) for a, b in both], index=frame.index)


_ANSWER = _each(_is_answer, "one assistant message that is not empty")
_COLUMNS = {
    "messages": pa.Column(
        object, _each(_is_dialogue, "a chat that ends with the assistant, who is never silent")
    ),
    "prompt": pa.Column(object, _each(_is_prompt, "a chat that waits for the assistant")),
    "completion": pa.Column(object, _ANSWER),
    "chosen": pa.Column(object, _ANSWER),
    "rejected": pa.Column(object, _ANSWER),
    "rejected_node": pa.Column(int, pa.Check.ge(0)),
    "label": pa.Column(bool),
    "advantage": pa.Column(float, pa.Check.in_range(-1, 1)),
    "tools": pa.Column(str, _each(_is_tools, "a JSON list of tools")),
    "scenario": pa.Column(str),
    "node": pa.Column(int, pa.Check.ge(0)),
}
_WHOLE = pa.Check(_differ, error="chosen differs from rejected")
