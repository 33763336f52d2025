"""What a chat template cannot do, found before any model is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from dialogue.protocols import Message
from dialogue.tool_text import FunctionCall, assistant, calls_of
from services.engines.models.choice import tool_parser
from services.engines.models.json_calls import parse
from services.engines.models.probe import CALL, TOOL, Probe, probe
from services.engines.models.prompt import rendered
from tasks.train.turns import why_apart

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SYSTEM: Message = {"role": "system", "content": "help"}
_USER: Message = {"role": "user", "content": "a hotel please"}
_FOUND: Message = {"role": "tool", "tool_call_id": "call_0", "content": '{"count": 1}'}
_LATER: Message = {"role": "user", "content": "book it"}
_ONE = assistant("", [CALL])
_SOUTH = FunctionCall(CALL.name, '{"area": "south"}')
_SPEAKS = assistant("there is one")
_DIALOGUE = [_USER, _ONE, _FOUND, _SPEAKS, _LATER, _SPEAKS]
OURS = ("hermes", "json")
"""Parsers that read calls here without vLLM."""


def names_tools(tokenizer: PreTrainedTokenizerBase, *before: Message) -> bool:
    """Whether a prompt holds the name of a tool; false without a template."""
    return bool(tokenizer.chat_template) and CALL.name in _text(tokenizer, [*before, _USER])


def shortcomings(tokenizer: PreTrainedTokenizerBase) -> Sequence[str]:
    """What does not work, or not as one may expect; each the end of "its chat template ..."."""
    if not names_tools(tokenizer):
        if tokenizer.chat_template and names_tools(tokenizer, _SYSTEM):
            return ["renders no tools without a system message: set dialogue.system_prompt"]
        return [
            "renders no tools: put one that does, as those of tasks/bootstrap/templates, into "
            "the folder that bootstrap.pretrained names, as chat_template.jinja"
        ]
    return list(_faults(tokenizer, probe(tokenizer, {})))


def _faults(tokenizer: PreTrainedTokenizerBase, seen: Probe) -> Iterator[str]:
    if seen.refusal:
        yield f"refuses a history with a tool call ({seen.refusal}): no dialogue can be played"
        return
    if not seen.written:
        yield "leaves tool calls out of the history: no answer that calls can be trained"
        return
    if (name := tool_parser(seen.written, "")) is None:
        yield f"writes calls as no known parser reads them: {seen.written!r}"
    elif name in OURS and calls_of(parse(seen.written)) != [CALL]:
        yield f"writes calls that parser {name} does not read back: {seen.written!r}"
    if _refuses(tokenizer, [_USER, assistant("", [CALL, CALL])]):
        yield "refuses two calls in one message, which end a dialogue unscored"
    elif "south" not in _text(tokenizer, [_USER, assistant("", [CALL, _SOUTH])]):
        yield "leaves all calls of a message but the first out of the history"
    if "one moment" not in _text(tokenizer, [_USER, assistant("one moment", [CALL])]):
        yield "leaves out what is said beside a call"
    if "strftime_now" in tokenizer.chat_template:
        yield "shows today's date: set engine.chat_template_kwargs.date_string to one day"
    row = {"messages": _DIALOGUE, "tools": json.dumps([TOOL])}
    if _refuses(tokenizer, _DIALOGUE):
        yield "refuses a dialogue of tools and two users"
    elif reason := why_apart(row, tokenizer):
        yield f"{reason}: SFT will train each answer after its own prompt"


def _refuses(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> bool:
    try:
        _text(tokenizer, messages)
    except (TemplateError, ValueError, TypeError, KeyError):
        return True
    return False


def _text(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    text: str = rendered(tokenizer, messages, [TOOL], tokenize=False)
    return text
