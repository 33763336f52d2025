"""How many tokens a fine-tuning file has, and what training on them costs: both are estimates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from flows.tools.finetune.lines import FrontierError, Line, conversations, tools_of

Count = Callable[[str], int]
PER_MESSAGE = 4
"""Tokens that stand around each message: its role, its beginning and its end."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of a file.

    Attributes:
        total: Of all texts; a pair is two texts, each with its prompt.
        longest: Of one text.
    """

    total: int
    longest: int

    def cost(self, epochs: int, price: float) -> float:
        """Of training, in the currency of `price`, which is for a million tokens."""
        return self.total * epochs * price / 1e6


def counter(encoding: str) -> Count:
    """What counts the tokens of a text.

    Args:
        encoding: ``o200k_base`` of gpt-4o and later models, ``cl100k_base`` of earlier ones.

    Raises:
        FrontierError: there is no such vocabulary, or it is not to be had from here.
    """
    if find_spec("bpe_openai"):  # the vocabularies are in the package
        import bpe_openai

        try:
            encode = bpe_openai.get_encoding(encoding).encode
        except (KeyError, ValueError) as error:
            raise FrontierError(f"there is no encoding {encoding!r}: {error}") from error
    else:
        encode = _tiktoken(encoding)
    return lambda text: len(encode(text))


def _tiktoken(encoding: str) -> Callable[[str], Sequence[int]]:
    """OpenAI's own counter, which downloads its vocabulary the first time."""
    missing = (
        "uv pip install 'toolwoz-josh[frontier]', whose package holds the vocabularies, or count "
        "nothing with --encoding ''"
    )
    if not find_spec("tiktoken"):
        raise FrontierError(f"nothing counts tokens here: {missing}")
    import tiktoken
    from requests import RequestException

    try:
        return tiktoken.get_encoding(encoding).encode_ordinary
    except ValueError as error:
        raise FrontierError(f"there is no encoding {encoding!r}: {error}") from error
    except (RequestException, OSError) as error:
        raise FrontierError(
            f"tiktoken could not download the vocabulary {encoding}: {missing}"
        ) from error


def count(lines: Sequence[Line], count_text: Count) -> Tokens:
    """Count a file. Services do not say how they render tools and calls: their JSON is counted."""
    sizes = [size for line in lines for size in _sizes(line, count_text)]
    return Tokens(total=sum(sizes), longest=max(sizes, default=0))


def _sizes(line: Line, count_text: Count) -> list[int]:
    tools = tools_of(line)
    of_tools = count_text(_json(tools)) if tools else 0
    return [
        of_tools + sum(_of(message, count_text) for message in messages)
        for messages in conversations(line)
    ]


def _of(message: Mapping[str, Any], count_text: Count) -> int:
    parts = [str(message.get("content") or "")]
    for call in message.get("tool_calls") or ():
        parts += [call["function"]["name"], call["function"]["arguments"]]
    return PER_MESSAGE + sum(count_text(part) for part in parts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
