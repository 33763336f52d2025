"""How servers say that a context is full: by a code, or in words of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

STATUSES = {200, 400, 413, 422}
"""Statuses of such an answer; with 200, routers pass on the error of another server."""

_CODES = re.compile(
    r"context_length_exceeded|exceed_context_size_error|context_?window_?exceeded(_?error)?"
    r"|model_context_window_exceeded|prompt_too_long",
    re.IGNORECASE,
)
_MESSAGE_TOO_LONG = re.compile(r"messages\S*\.content\b")
"""OpenAI's code string_above_max_length is also that of a long id or description of a tool."""
_WORDS = re.compile(
    # OpenAI, DeepSeek, vLLM, Mistral, xAI; SGLang, llama.cpp, LM Studio
    r"maximum (context|model|prompt) length (is|of)\b|\d maximum context length"
    r"|(longer|larger|greater|bigger) than [^.]{0,40}(context|(model|input) length|max_model_len)"
    # Anthropic, Gemini, Kimi, MiniMax, Copilot, TensorRT-LLM
    r"|exceed\w* [^.]{0,40}(context|maximum number of tokens|token limit)"
    r"|token count [^.]{0,40}exceed"
    r"|(prompt|input) length [^.]{0,40}exceeds? [^.]{0,20}maximum"
    r"|context[ _](length|window|size|limit)[^.]{0,20} (exceed|overflow)"
    # Anthropic, Ollama, Bedrock, Cohere; Groq; TGI
    r"|(prompt|input)s?( is| are)? too long|too many (input |prompt )?tokens\b"
    r"|reduce the length of (the|your) (messages|prompt|input)"
    r"|inputs\W+tokens \+ \W*max_new_tokens\W+must be <=|inputs\W+must have less than \d+ tokens",
    re.IGNORECASE,
)
_LIMIT_OF_ANSWER = re.compile(r"\bmax_(\w+_)?tokens\b", re.IGNORECASE)
_PROMPT = re.compile(r"\b(prompt|inputs?(?! validation)|messages|requested)\b", re.IGNORECASE)


def is_full(status: int, text: str) -> bool:
    """Whether an answer of this status says that the context is full.

    Args:
        status: HTTP status.
        text: The body; of status 200, the error in it.
    """
    if status not in STATUSES:
        return False
    found = dict(_strings(_decoded(text)))
    if any(_CODES.fullmatch(found.get(key, "")) for key in ("code", "type")):
        return True
    said = found.get("message", text)
    if found.get("code") == "string_above_max_length":
        return bool(_MESSAGE_TOO_LONG.search(said))
    # A limit of the answer that is too high for any prompt is a setting to correct.
    if _LIMIT_OF_ANSWER.search(said) and not _PROMPT.search(said):
        return False
    return bool(_WORDS.search(said))


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _strings(value: Any) -> Iterator[tuple[str, str]]:
    """The code, type and message of an error, be it at the top or under ``error``."""
    if not isinstance(value, dict):
        return
    for key in ("code", "type", "message", "error", "detail"):
        if isinstance(inner := value.get(key), str):
            yield ("message" if key in ("error", "detail") else key), inner
    for key in ("error", "detail"):
        yield from _strings(value.get(key))
