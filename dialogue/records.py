"""Lines of JSON that tell whether they are whole: each ends with a checksum of itself."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from dialogue.strict_json import compact_json


def seal(record: Mapping[str, Any]) -> bytes:
    """A JSON line whose last field is the CRC-32 of what stands before it."""
    body = compact_json(record)[:-1]
    return b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def unseal(line: bytes) -> dict[str, Any] | None:
    """The record of a line, or None if it is torn or damaged."""
    body, comma, tail = line.rpartition(b',"crc":"')
    if not comma or tail != b'%08x"}\n' % zlib.crc32(body):
        return None
    record: dict[str, Any] = json.loads(body + b"}")
    return record
