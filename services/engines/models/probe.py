"""How a chat template writes a call: a probe that is rendered before any model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from dialogue.messages import THINK, spoken
from dialogue.protocols import Message, Tool
from dialogue.tool_text import FunctionCall, assistant
from services.engines.models.prompt import rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CALL = FunctionCall("search_hotel", '{"area": "north", "stars": 4}')
TOOL: Tool = {
    "type": "function",
    "function": {
        "name": CALL.name,
        "description": "Search for hotels.",
        "parameters": {
            "type": "object",
            "properties": {"area": {"type": "string"}, "stars": {"type": "integer"}},
            "required": ["area"],
        },
    },
}
_ASKED: Message = {"role": "user", "content": "a hotel please"}
_SPEECH = "which area"
_REFUSALS = (TemplateError, ValueError, TypeError, KeyError)
"""What a template raises of messages that it cannot render."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a template makes of a call.

    Attributes:
        written: Text of the call as an engine would give it, without thought and without the end
            of the message; "" where the template writes no calls.
        refusal: Error of a template that refuses calls, but not speech; "".
        opened: Whether the prompt for an answer ends inside a ``<think>`` block.
    """

    written: str
    refusal: str = ""
    opened: bool = False


def probe(tokenizer: PreTrainedTokenizerBase, kwargs: Mapping[str, Any]) -> Probe:
    """Render a call, and read off what the model would have to write for it."""
    try:
        asks = _rendered(tokenizer, [_ASKED], kwargs, asks=True)
        before = _rendered(tokenizer, [_ASKED], kwargs)
        said = _rendered(tokenizer, [_ASKED, assistant(_SPEECH)], kwargs)
    except _REFUSALS:  # of any message, as the first one will say
        return Probe("")
    opened = asks.rstrip().endswith(THINK)
    try:
        call = _rendered(tokenizer, [_ASKED, assistant("", [CALL])], kwargs)
    except _REFUSALS as error:
        return Probe("", str(error) or repr(error), opened)
    shared = asks if call.startswith(asks) else before
    turn = call[_common(shared, call) :]
    if CALL.name not in turn:
        return Probe("", opened=opened)
    turn = _without_header(turn, asks[_common(before, asks) :])
    end = said.rpartition(_SPEECH)[2]
    turn = turn.removesuffix(end) if end else turn
    ids = tokenizer(turn, add_special_tokens=False).input_ids
    if tokenizer.eos_token_id in ids:
        ids = ids[: ids.index(tokenizer.eos_token_id)]
    written = tokenizer.decode(ids, skip_special_tokens=False)
    return Probe(spoken(written), opened=opened)


def _rendered(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    kwargs: Mapping[str, Any],
    *,
    asks: bool = False,
) -> str:
    text: str = rendered(
        tokenizer, messages, [TOOL], add_generation_prompt=asks, tokenize=False, **kwargs
    )
    return text


def _without_header(turn: str, header: str) -> str:
    """A turn without what the prompt for an answer has of it.

    A prompt may open a block of thought that a turn of the history lacks: what two such texts have
    in common is cut back to the end of a line or of a special token.
    """
    if turn.startswith(header):
        return turn[len(header) :]
    common = turn[: _common(turn, header)]
    return turn[max(common.rfind(end) for end in "\n>]") + 1 :]


def _common(one: str, other: str) -> int:
    """Number of equal characters at the beginning of the two."""
    differ = (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))
