"""A parser of thought and one of calls, made by their names and used as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dialogue import tool_text
from dialogue.messages import Parted, part_thought
from dialogue.protocols import Message, Tool
from services.engines.formats.structured import Tags, free
from services.engines.formats.vllm_parsers import VllmParsers
from services.engines.models import json_calls
from services.engines.models.choice import JOINT, THINK
from services.engines.models.probe import Probe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Part = Callable[[str, Sequence[int], Sequence[Tool]], Parted]
Calls = Callable[[str, Sequence[int], Sequence[Tool]], Message]

_OURS: Mapping[str, Callable[[str], Message]] = {
    "hermes": tool_text.parse,
    "json": json_calls.parse,
}
"""Parsers of this project by name; vLLM's of these names are not used."""


@dataclass(frozen=True, slots=True)
class Parsers:
    """A :class:`~services.engines.formats.Format` of two parsers.

    Attributes:
        tool_parser: Name of the parser of calls.
        reasoning_parser: Name of the parser of thought.
        part: Takes the thought out of a text.
        calls: Reads the rest.
        tag: Gives the structural tag that holds calls of tools to their schemas; "" for none.
    """

    tool_parser: str
    reasoning_parser: str
    part: Part
    calls: Calls
    tag: Tags = free

    def read(self, text: str, token_ids: Sequence[int], tools: Sequence[Tool]) -> Message:
        """See :meth:`services.engines.formats.Format.read`."""
        thought, rest = self.part(text, token_ids, tools)
        message = self.calls(rest, token_ids, tools)
        return {**message, "reasoning_content": thought} if thought else message


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes parsers for one model.

    Attributes:
        kwargs: Further arguments of its chat template.
        tokenizer: Its tokenizer, if known.
        seen: How its template writes a call.
    """

    kwargs: Mapping[str, Any]
    tokenizer: PreTrainedTokenizerBase | None
    seen: Probe

    def parsers(self, calls: str, thought: str) -> Parsers:
        """The parsers of these names.

        Raises:
            EngineError: there is none of such a name, or it cannot be used here.
        """
        if calls in JOINT:
            return Parsers(calls, thought, _nothing, self._joint(calls, thought))
        return Parsers(calls, thought, self._part(thought), self._calls(calls))

    def _part(self, name: str) -> Part:
        if name == "none":
            return _nothing
        if name == THINK:
            return lambda text, _ids, _tools: part_thought(text, opened=self.seen.opened)
        vllm = self._vllm("", name)

        def part(text: str, token_ids: Sequence[int], tools: Sequence[Tool]) -> Parted:
            parsed = vllm.parse(text, token_ids, tools)
            return Parted(parsed.thought, parsed.content)

        return part

    def _calls(self, name: str) -> Calls:
        if name in _OURS:
            return lambda text, _ids, _tools: _OURS[name](text)
        return self._joint(name, "none")

    def _joint(self, calls: str, thought: str) -> Calls:
        vllm = self._vllm(calls, "" if thought in ("none", THINK) else thought)

        def read(text: str, token_ids: Sequence[int], tools: Sequence[Tool]) -> Message:
            parsed = vllm.parse(text, token_ids, tools)
            message = tool_text.assistant(parsed.content, parsed.calls)
            thought = parsed.thought
            return {**message, "reasoning_content": thought} if thought else message

        return read

    def _vllm(self, calls: str, thought: str) -> VllmParsers:
        return VllmParsers(calls, thought, self.tokenizer, self.kwargs, self.seen.written)


def _nothing(text: str, _ids: Sequence[int], _tools: Sequence[Tool]) -> Parted:
    return Parted("", text)
