"""A node: what one branch did in one turn of the agent, and how it was sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from dialogue.protocols import Completion, Message

Ended = Literal["done", "context", "bad_call"]
"""Why nothing grows from a node: the world ended the dialogue, the policy could not go on, or a
call was answered with an error (``JoshConfig.end_on_error``)."""


@dataclass(frozen=True, slots=True)
class Call:
    """How one assistant message was sampled; counts are 0 and sequences empty where unknown.

    It holds only what a second search would find again: neither the time the call took, nor what
    was in a cache.
    """

    seed: int
    model: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()

    @classmethod
    def of(cls, completion: Completion, seed: int) -> Call:
        return cls(
            seed,
            completion.model,
            completion.finish_reason,
            completion.prompt_tokens,
            completion.completion_tokens,
            tuple(completion.token_ids),
            tuple(completion.logprobs),
        )

    def to_json(self) -> dict[str, Any]:
        # Not dataclasses.asdict: this runs once a model call, and that copies every token id.
        return {name: getattr(self, name) for name in _CALL_FIELDS}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Call:
        sequences = {name: tuple(data[name]) for name in ("token_ids", "logprobs")}
        return cls(**{**data, **sequences})


_CALL_FIELDS = tuple(field.name for field in fields(Call))


@dataclass(frozen=True, slots=True)
class Node:
    """One agent turn and the world's answers to it.

    Attributes:
        parent: Index of the node it grew from; None if it grew from the root.
        messages: The messages of this turn alone: the agent's, the tool results, and the user's
            reply if that was played.
        earned: Goals first reached in it.
        calls: The model call of each assistant message, in order.
        ended: Why nothing can grow from it; None if something did or could have.
        error: The fault of an engine or of the world that cut it short. Never a label.
    """

    parent: int | None
    messages: tuple[Message, ...]
    earned: frozenset[str] = frozenset()
    calls: tuple[Call, ...] = ()
    ended: Ended | None = None
    error: str | None = None

    @property
    def is_cut_short(self) -> bool:
        """Whether a fault or a full context ended it; then it proves nothing about the agent."""
        return bool(self.error) or self.ended == "context"

    def to_json(self) -> dict[str, Any]:
        return {
            "parent": self.parent,
            "messages": list(self.messages),
            "earned": sorted(self.earned),
            "calls": [call.to_json() for call in self.calls],
            "ended": self.ended,
            "error": self.error,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Node:
        return cls(
            parent=data["parent"],
            messages=tuple(data["messages"]),
            earned=frozenset(data["earned"]),
            calls=tuple(Call.from_json(call) for call in data["calls"]),
            ended=data["ended"],
            error=data["error"],
        )


def rank(goals: int, errors: int, calls: int) -> tuple[int, int, int]:
    """The sort key by which leaves are compared; the best comes first.

    Args:
        goals: Goals reached; more are better.
        errors: Calls answered with an error on the way; fewer are better.
        calls: Model calls on the way; fewer are better.
    """
    return -goals, errors, calls
