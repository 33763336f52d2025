"""Thought in ``<think>`` blocks, kept apart from what a model says and calls."""

from __future__ import annotations

import re
from typing import NamedTuple

OPEN, CLOSE = "<think>", "</think>"
_BLOCK = re.compile(rf"{OPEN}(.*?)(?:{CLOSE}|\Z)", re.DOTALL)


class Parted(NamedTuple):
    """A text's thought, "" if it has none, and the rest of it."""

    thought: str
    rest: str


def part(text: str, *, opened: bool = False) -> Parted:
    """Take the thought out of a text. A text without thought is as it was.

    Args:
        text: What the model wrote.
        opened: Whether the prompt ends inside a block. A text with a lone end of a block was so,
            too.
    """
    head, closed, _ = text.partition(CLOSE)
    if (opened or closed) and OPEN not in head:
        text = OPEN + text
    blocks = _BLOCK.findall(text)
    if not blocks:
        return Parted("", text)
    return Parted("\n".join(filter(None, map(str.strip, blocks))), _BLOCK.sub("", text).strip())
