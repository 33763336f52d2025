"""A tool call as the world understood it, and the world's answer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from toolwoz.world.index import RowMask


class CallError(ValueError):
    """A call no tool accepts; the message says how to call it, for the model that made it."""


class AcceptedCall(NamedTuple):
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


class Answer(NamedTuple):
    """What a call did.

    Attributes:
        content: JSON text for the tool message.
        call: The call as understood; None when it was refused.
        ok: A search found something, a booking succeeded.
        rows: Search: the rows found (``parity``: the one row shown). Booking: the rows booked.
    """

    content: str
    call: AcceptedCall | None = None
    ok: bool = False
    rows: RowMask = 0


def refusal(error: CallError) -> Answer:
    """The answer to a call no tool accepts."""
    return Answer(content=json.dumps({"error": str(error)}, ensure_ascii=False))


def check_scalar(slot: str, value: object) -> None:
    """Refuse a list or an object as the value of a slot.

    Raises:
        CallError: the value is one.
    """
    if isinstance(value, list | dict):
        raise CallError(f"{slot}: one value is wanted, not a {type(value).__name__}")
