"""Estimates of the tokens of a fine-tuning file and of the cost of training on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from flows.tools.finetune.lines import FrontierError, Line, conversations, tools_of

Count = Callable[[str], int]
PER_MESSAGE = 4
"""Tokens around each message: its role, its beginning and its end."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a file.

    Attributes:
        total: Number of tokens of all texts; a pair is two texts, each with its prompt.
        longest: Number of tokens of the longest text.
    """

    total: int
    longest: int

    def cost(self, epochs: int, price: float) -> float:
        """Cost of training; `price` is for a million tokens."""
        return self.total * epochs * price / 1e6


def counter(encoding: str) -> Count:
    """A function that counts the tokens of a text.

    Args:
        encoding: ``o200k_base`` for gpt-4o and later models, ``cl100k_base`` for earlier ones.

    Raises:
        FrontierError: the vocabulary does not exist, or cannot be downloaded.
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
    """OpenAI's own encoder, which downloads its vocabulary the first time."""
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
    """Count the tokens of a file, those of tools and calls by their JSON."""
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
