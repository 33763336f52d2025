"""A tool call as the world understood it, and the world's answer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolwoz.index import RowMask


class CallError(ValueError):
    """A call no tool accepts; the message says how to call it, for the model that made it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call with accepted arguments.

    Attributes:
        tool: Name of the tool.
        arguments: In ``v2``: strings in the database's spelling, constraints only. In
            ``parity``: what the model sent.
    """

    tool: str
    arguments: Mapping[str, Any]

    @property
    def domain(self) -> str:
        return self.tool.partition("_")[2]

    @property
    def is_booking(self) -> bool:
        return self.tool.startswith("book_")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call did.

    Attributes:
        content: JSON text for the tool message.
        call: The call as understood; None when it was refused.
        ok: A search found something, a booking succeeded.
        rows: Search: the rows found (``parity``: the one row shown). Booking: the rows booked.
    """

    content: str
    call: Call | None = None
    ok: bool = False
    rows: RowMask = field(default=0, repr=False)


def refusal(error: CallError) -> Answer:
    """The answer to a call no tool accepts."""
    return Answer(content=json.dumps({"error": str(error)}, ensure_ascii=False))
