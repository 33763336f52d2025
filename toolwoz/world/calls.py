"""Accepted tool calls and the world's answers to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from toolwoz.world.index import RowMask


class Call(NamedTuple):
    """A call of one of the tools.

    Attributes:
        tool: Name of the tool.
        arguments: The constraints in the database's spelling in ``v2``; what the model sent in
            ``parity``, and in any mode where the call was refused.
    """

    tool: str
    arguments: Mapping[str, Any]

    @property
    def domain(self) -> str:
        return self.tool.partition("_")[2]

    @property
    def is_booking(self) -> bool:
        return self.tool.startswith("book_")


class CallError(ValueError):
    """No tool accepts the call; the message tells the model how to call the tool.

    Attributes:
        call: The refused call as the model wrote it, where a tool and arguments can be read.
    """

    call: Call | None = None


class Answer(NamedTuple):
    """The world's answer to one call.

    Attributes:
        content: JSON text for the tool message.
        call: The accepted call; a refused one as the model wrote it, None where no tool or no
            arguments can be read from it.
        ok: Whether a search found something or a booking succeeded.
        rows: The rows a search found (in ``parity`` the one row shown) or a booking booked.
        refused: Whether the call was refused; the content is then the error.
    """

    content: str
    call: Call | None = None
    ok: bool = False
    rows: RowMask = 0
    refused: bool = False


def refusal(error: CallError) -> Answer:
    """The answer to a refused call."""
    content = json.dumps({"error": str(error)}, ensure_ascii=False)
    return Answer(content, error.call, refused=True)


def check_scalar(slot: str, value: object) -> None:
    """Refuse a list or an object as the value of a slot.

    Raises:
        CallError: the value is one.
    """
    if isinstance(value, list | dict):
        raise CallError(f"{slot}: one value is wanted, not a {type(value).__name__}")
