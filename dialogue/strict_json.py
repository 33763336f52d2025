"""JSON as the standard has it, for text that a model wrote: decoding raises ValueError or is exact.

The standard library alone would accept NaN, exceed the recursion limit on ``[[[[...``, and decode
``"\\ud800"`` to a string that no UTF-8 file can hold.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

_SPACE = re.compile(r"\s*")


def loads(text: str) -> Any:
    """Strict JSON: no NaN, no infinity, no numbers or nesting beyond what Python can hold.

    Raises:
        ValueError: it is not.
    """
    value, end = decode_at(text, 0)
    if _skip(text, end) != len(text):
        raise ValueError(f"text after the JSON value, at character {end}")
    return value


def dumps(value: object) -> str:
    """Readable JSON that any UTF-8 file can hold: a lone surrogate stays an escape.

    Raises:
        ValueError: the value holds NaN or an infinity.
    """
    return utf8(json.dumps(value, ensure_ascii=False, allow_nan=False))


def utf8(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, written as ``\\udXXX``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Decoded(NamedTuple):
    value: Any
    end: int


def decode_at(text: str, start: int) -> _Decoded:
    """The JSON value that begins at a position, after any space, and where it ends.

    Raises:
        ValueError: there is none.
    """
    try:
        value, end = _DECODER.raw_decode(text, _skip(text, start))
        dumps(value)  # 1e999 decodes to an infinity, which is no JSON
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error
    return _Decoded(value, end)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _skip(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position


def compact_json(value: Any) -> bytes:
    """JSON in UTF-8 without spaces; a lone surrogate, which models do write, is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
