"""Structural tags: they hold a call that a model begins to a tool's name and schema.

vLLM and xgrammar leave a text free up to a trigger, as ``<tool_call>``, and after the end of a
call; between them every token must fit. Whether a model calls, and what, stays its choice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dialogue.errors import EngineError
from dialogue.protocols import Tool
from dialogue.strict_json import compact_json
from dialogue.tool_text import CLOSE, OPEN
from services.engines.models.choice import JOINT
from services.engines.models.probe import CALL, TOOL

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)

Tags = Callable[[Sequence[Tool]], str]
"""Gives the structural tag of tools as JSON text; "" without tools."""

_BLANKS = 16
"""Characters of white space in a row between the parts of a call's JSON: some for indented JSON,
and few for a model that would write nothing else."""
_NAME, _ARGUMENTS = '{"name": "', '", "arguments": '
_WRAPPINGS: Mapping[str, Sequence[tuple[str, str]]] = {
    "hermes": ((f"{OPEN}\n", f"\n{CLOSE}"), (OPEN, CLOSE)),
    "json": ((f"{OPEN}\n", f"\n{CLOSE}"), (OPEN, CLOSE), ("", "")),
}
"""Our parsers' ways to wrap a call in JSON: what stands before and after it."""


def free(tools: Sequence[Tool]) -> str:  # noqa: ARG001
    """No structural tag: the whole text is free."""
    return ""


def tags(tool_parser: str, tokenizer: PreTrainedTokenizerBase | None, written: str) -> Tags:
    """The structural tags for calls that a parser reads, checked with a call.

    Args:
        tool_parser: Name of the parser of calls.
        tokenizer: Tokenizer of the model.
        written: The call of ``services.engines.models.probe`` as the chat template writes it.

    Raises:
        EngineError: vLLM is missing here, it is not known how calls of the parser begin, or the
            grammar does not fit the written call.
    """
    try:
        import xgrammar  # noqa: F401

        make = _made(tool_parser)
        if not written or tokenizer is None:
            raise ValueError("the model's tokenizer, or a call in its chat template, is missing")
        strange = written.replace(CALL.name, "no_such_tool")
        fits, holds = _takes(make([TOOL]), tokenizer, [written, strange])
        if not fits or holds:
            raise ValueError(f"its grammar does not fit the template's call, {written!r}")
    except (ImportError, ValueError) as error:
        raise EngineError(
            f"engine.structured calls cannot hold the calls of engine.tool_parser {tool_parser}: "
            f"{error}: set engine.structured to off"
        ) from error
    cached = lru_cache(64)(lambda text: make(json.loads(text)))
    return lambda tools: cached(compact_json(list(tools))) if tools else ""


def _made(tool_parser: str) -> Tags:
    if tool_parser in _WRAPPINGS:
        return lambda tools: _tag_of(tool_parser, tools)
    if tool_parser in JOINT:
        raise ValueError("it is not known how they begin")
    return _of_vllm(tool_parser)


def _tag_of(tool_parser: str, tools: Sequence[Tool]) -> str:
    wrappings = _WRAPPINGS[tool_parser]
    triggers = [OPEN, _NAME] if ("", "") in wrappings else [OPEN]
    made = [
        {
            "type": "tag",
            "begin": f"{before}{_NAME}{tool['function']['name']}{_ARGUMENTS}",
            "content": {
                "type": "json_schema",
                "json_schema": _schema(tool),
                "max_whitespace_cnt": _BLANKS,
            },
            "end": f"}}{after}",
        }
        for tool in tools
        for before, after in wrappings
    ]
    form = {"type": "triggered_tags", "triggers": triggers, "tags": made}
    return json.dumps({"type": "structural_tag", "format": form})


def _schema(tool: Tool) -> Mapping[str, Any]:
    """The schema of a tool's arguments; that of any object, where xgrammar cannot hold to it."""
    from xgrammar import Grammar

    schema: Mapping[str, Any] = tool["function"].get("parameters") or {"type": "object"}
    try:
        Grammar.from_json_schema(json.dumps(schema))
    except RuntimeError as error:
        name, why = tool["function"]["name"], str(error).splitlines()[0]
        log.warning("%s: its calls are held to its name alone: %s", name, why)
        return {"type": "object"}
    return schema


def _of_vllm(tool_parser: str) -> Tags:
    """The tags that vLLM has for a parser of its own.

    Raises:
        ValueError: it has none.
    """
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionToolsParam
    from vllm.tool_parsers import ToolParserManager
    from vllm.tool_parsers.structural_tag_registry import get_model_structural_tag
    from vllm.tool_parsers.tool_strict_level import ToolStrictLevel

    model = ToolParserManager.get_tool_parser(tool_parser).structural_tag_model
    if model is None:
        raise ValueError("vLLM does not say how they begin")

    def make(tools: Sequence[Tool]) -> str:
        held = ({**one["function"], "parameters": _schema(one)} for one in tools)
        tag = get_model_structural_tag(
            model,
            [ChatCompletionToolsParam(function=one) for one in held],
            "auto",
            reasoning=False,
            strict_level=ToolStrictLevel.PARAMETER,
        )
        return json.dumps(tag.model_dump())

    return make


def _takes(tag: str, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Sequence[bool]:
    """Whether a structural tag lets through the tokens of each text.

    Where a tokenizer puts spaces between words that its text lacks, as the embedded policy's, the
    tokens of a call are another text, and are held back.
    """
    from xgrammar import GrammarCompiler, GrammarMatcher, TokenizerInfo

    compiler = GrammarCompiler(TokenizerInfo.from_huggingface(tokenizer))
    compiled = compiler.compile_structural_tag(tag)
    ids = [tokenizer(text, add_special_tokens=False).input_ids for text in texts]
    return [all(map(GrammarMatcher(compiled).accept_token, one)) for one in ids]
