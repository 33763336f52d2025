"""vLLM's own parsers of calls and thought, without its server."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from dialogue.errors import EngineError
from dialogue.protocols import Tool
from dialogue.tool_text import FunctionCall, malformed
from services.engines.models.probe import CALL

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# They log a traceback for each malformed call, which is the environment's to judge.
log = logging.getLogger(__name__)

HARMONY, VOCABULARY = "TIKTOKEN_ENCODINGS_BASE", "o200k_base.tiktoken"
"""The variable that says where openai_harmony finds vocabularies, and the file of gpt-oss's."""
_LOGGERS = ("vllm.tool_parsers", "vllm.parser", "vllm.reasoning")
_TAG = re.compile(r"(<[^>\s]+>|\[[A-Z_]+\]|functools\s*\[)")
_JSON = re.compile(r'\s*\[?\s*\{\s*"name"\s*:')


class Parsed(NamedTuple):
    """What a text holds: thought and speech, each "" if there is none, and calls."""

    thought: str
    content: str
    calls: Sequence[FunctionCall]


class VllmParsers:
    """Reads texts as vLLM's server would: calls, thought, or both.

    One parser object a text, since many hold state; what takes long, the vocabulary and the tools,
    is prepared once. A text in which calls begin that vLLM cannot read has malformed calls, where
    the server would give speech, or nothing; where both are read at once, vLLM's word is final.

    Args:
        tool_parser: vLLM's name of the parser of calls; "" for none.
        reasoning_parser: vLLM's name of the parser of thought; "" for none.
        tokenizer: Tokenizer of the model; None if unknown.
        kwargs: Arguments of the chat template, as some parsers ask whether the model thinks.
        written: A call as the chat template writes it, which tells how calls begin; "" if unknown.

    Raises:
        EngineError: vLLM is not installed, has no such parser, or the parser cannot work with the
            tokenizer, or there is none.
    """

    def __init__(
        self,
        tool_parser: str,
        reasoning_parser: str,
        tokenizer: PreTrainedTokenizerBase | None,
        kwargs: Mapping[str, Any],
        written: str = "",
    ) -> None:
        names = " and ".join(
            f"engine.{setting} {name}"
            for setting, name in (
                ("tool_parser", tool_parser),
                ("reasoning_parser", reasoning_parser),
            )
            if name
        )
        if tokenizer is None:
            raise EngineError(f"{names}: it needs the model's tokenizer: set engine.tokenizer")
        try:
            from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
            from vllm.parser.parser_manager import ParserManager
            from vllm.tokenizers.hf import get_cached_tokenizer
        except ImportError as error:
            raise EngineError(
                f"{names}: this would be vLLM's, which is not installed here ({error}): install "
                "it, or set engine.tool_parser to hermes or json, and engine.reasoning_parser to "
                "auto or none"
            ) from error
        self._tokenizer = get_cached_tokenizer(tokenizer)
        try:
            if tool_parser == "openai":
                _load_harmony()
            self._parser = ParserManager.get_parser(
                tool_parser or None,
                reasoning_parser or None,
                enable_auto_tools=True,
                is_harmony=tool_parser == "openai",
                tokenizer=self._tokenizer,
            )
        except Exception as error:  # whatever a parser of another project raises
            raise EngineError(f"{names}: {error.__cause__ or error}; {_known()}") from error
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._kwargs = dict(kwargs)
        self._begins = _beginning(written) if tool_parser and not reasoning_parser else None
        self._request = lru_cache(64)(
            lambda tools: ChatCompletionRequest(messages=[], tools=json.loads(tools) or None)
        )

    def parse(self, text: str, token_ids: Sequence[int], tools: Sequence[Tool]) -> Parsed:
        """The thought, the speech and the calls of a text; no text makes it raise."""
        parsed = self._parse(text, token_ids, tools)
        begins = [found.start() for found in self._begins.finditer(text)] if self._begins else []
        return parsed if len(parsed.calls) >= len(begins) else self._apart(text, begins, tools)

    def _parse(self, text: str, token_ids: Sequence[int], tools: Sequence[Tool]) -> Parsed:
        request = self._request(json.dumps(tools))
        parser = self._parser(self._tokenizer, request.tools, chat_template_kwargs=self._kwargs)
        try:
            thought, content, calls = parser.parse(
                text, request, enable_auto_tools=True, model_output_token_ids=token_ids
            )
        except Exception as error:  # a fault of the parser's own: the text is as the model wrote it
            log.warning("vLLM's parser failed, its text is taken for speech: %r", error)
            return Parsed("", text, [])
        return Parsed(
            (thought or "").strip(),
            (content or "").strip(),
            [FunctionCall(call.name, call.arguments) for call in calls or ()],
        )

    def _apart(self, text: str, begins: Sequence[int], tools: Sequence[Tool]) -> Parsed:
        """Each call read alone, so that a malformed one does not take the others with it."""
        calls: list[FunctionCall] = []
        for start, end in zip(begins, [*begins[1:], len(text)], strict=True):
            part = text[start:end]
            calls += self._parse(part, (), tools).calls or [malformed(part.strip())]
        return Parsed("", text[: begins[0]].strip(), calls)


def _beginning(written: str) -> re.Pattern[str] | None:
    """What a call begins with, read off one that the template writes: a tag, or JSON."""
    if found := _TAG.search(written.partition(CALL.name)[0]):
        return re.compile(re.escape(found[1]))
    return re.compile(rf"\A{_JSON.pattern}") if _JSON.match(written) else None


def _load_harmony() -> None:
    """Load the vocabulary of gpt-oss: from bpe-openai, of the extra frontier, or by a download."""
    from vllm.entrypoints.openai.parser.harmony_utils import get_encoding

    spec = find_spec("bpe_openai")
    if HARMONY in os.environ or spec is None or spec.origin is None:
        get_encoding()
        return
    with TemporaryDirectory() as folder:
        packed = Path(spec.origin).with_name("data").joinpath(f"{VOCABULARY}.gz").read_bytes()
        Path(folder, VOCABULARY).write_bytes(gzip.decompress(packed))
        os.environ[HARMONY] = folder
        try:
            get_encoding()
        finally:
            del os.environ[HARMONY]


def _known() -> str:
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager

    calls, thought = ToolParserManager.list_registered(), ReasoningParserManager.list_registered()
    return f"tool parsers: {', '.join(calls)}; reasoning parsers: {', '.join(thought)}"
