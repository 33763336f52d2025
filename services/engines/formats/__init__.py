"""Formats: how a model writes its calls and its thought, and the message that a text means.

format = open_format(config, tokenizer)
message = format.read(text, token_ids, tools)
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from dialogue.errors import EngineError
from dialogue.messages import END_OF_THINK
from dialogue.protocols import Message, Tool
from dialogue.strict_json import loads
from dialogue.tool_text import FunctionCall, calls_of
from services.engines.config import EngineConfig
from services.engines.formats import structured
from services.engines.formats.parsers import Maker, Parsers
from services.engines.models import choice
from services.engines.models.probe import CALL, TOOL, Probe, probe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Format", "open_format"]

log = logging.getLogger(__name__)


class Format(Protocol):
    """Reads messages. One object reads all messages of a policy, from any thread."""

    def read(self, text: str, token_ids: Sequence[int], tools: Sequence[Tool]) -> Message:
        """The assistant message that a text means; total: no text makes it raise.

        A message has ``reasoning_content`` if the model thought. A call that is malformed is a
        call all the same, for the environment to judge.

        Args:
            text: What the model wrote, special tokens and all, without the end of the message.
            token_ids: The tokens of the text and its end; empty where an endpoint gives none. Only
                gpt-oss is read from them.
            tools: Tools of the request.
        """
        ...

    def tag(self, tools: Sequence[Tool], /) -> str:
        """The structural tag that an engine is to hold calls of the tools to; "" for none."""
        ...


def open_format(config: EngineConfig, tokenizer: PreTrainedTokenizerBase | None) -> Parsers:
    """The format that ``tool_parser`` and ``reasoning_parser`` name, checked with a call.

    Args:
        config: Settings of the engine.
        tokenizer: Tokenizer of the model, with its chat template; None if unknown: nothing is
            checked then, and ``auto`` is ``hermes``.

    Raises:
        EngineError: a parser is unknown or cannot be used here, or does not read back the call
            that the chat template writes, or the template refuses calls; or see
            :func:`services.engines.formats.structured.tags`.
    """
    seen = Probe("") if tokenizer is None else probe(tokenizer, config.template_kwargs)
    calls, thought = _names(config, tokenizer, seen)
    found = Maker(config.chat_template_kwargs, tokenizer, seen).parsers(calls, thought)
    log.info("%s: %s reads its calls, %s its thought", config.model, calls, thought)
    if tokenizer is not None:
        _check(found, tokenizer, seen, config.model)
    if config.structured == "calls":
        return replace(found, tag=structured.tags(calls, tokenizer, seen.written))
    return found


def _names(
    config: EngineConfig, tokenizer: PreTrainedTokenizerBase | None, seen: Probe
) -> tuple[str, str]:
    template = _template(tokenizer)
    calls, thought = config.tool_parser, config.reasoning_parser
    if calls == "auto":
        calls = choice.tool_parser(seen.written, template) or choice.DEFAULT
    if thought == "auto":
        thought = choice.reasoning_parser(template) or choice.THINK
    return calls, thought


def _template(tokenizer: PreTrainedTokenizerBase | None) -> str:
    try:
        return tokenizer.get_chat_template(tools=[TOOL]) if tokenizer else ""
    except ValueError:  # it has none, as the first message will say
        return ""


def _check(found: Parsers, tokenizer: PreTrainedTokenizerBase, seen: Probe, model: str) -> None:
    """Read back the call that the template writes."""
    if seen.refusal:
        raise EngineError(
            f"{model}: its chat template refuses a history with a tool call ({seen.refusal}): "
            "correct its chat_template.jinja"
        )
    if not seen.written:
        log.warning(
            "%s: its chat template writes no tool calls, so engine.tool_parser %s is not checked",
            model,
            found.tool_parser,
        )
        return
    text = f"{END_OF_THINK}\n\n{seen.written}" if seen.opened else seen.written
    message = found.read(text, tokenizer(text, add_special_tokens=False).input_ids, [TOOL])
    calls = [_decoded(call) for call in calls_of(message)]
    if [_as_text(call) for call in calls] != [_as_text(_decoded(CALL))]:
        raise EngineError(
            f"{model}: engine.tool_parser {found.tool_parser} does not read the calls of its chat "
            f"template, which writes {_decoded(CALL)} as {seen.written!r}, read as {message}: name "
            "the parser that does, or correct the model's chat_template.jinja"
        )
    if calls != [_decoded(CALL)]:
        log.warning("%s: numbers in calls come back as text: %s", model, seen.written)


def _as_text(call: tuple[str, object]) -> tuple[str, object]:
    """A call with all values as text, as some templates write them."""
    name, arguments = call
    if isinstance(arguments, dict):
        return name, {key: str(value) for key, value in arguments.items()}
    return call


def _decoded(call: FunctionCall) -> tuple[str, object]:
    try:
        return call.name, loads(call.arguments)
    except ValueError:
        return call.name, call.arguments
