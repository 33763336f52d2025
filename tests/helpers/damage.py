"""Damage of one byte."""

from __future__ import annotations

from random import Random


def damaged(content: bytes, dice: Random, put: bytes) -> bytes:
    """The content with a bit flipped, one of the bytes of `put` inserted, or a byte removed."""
    changed, at = bytearray(content), dice.randrange(len(content))
    match dice.randrange(3):
        case 0:
            changed[at] ^= 1 << dice.randrange(8)
        case 1:
            changed.insert(at, dice.choice(put))
        case 2:
            del changed[at]
    return bytes(changed)
