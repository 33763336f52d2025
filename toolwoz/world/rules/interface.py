"""What the rules of a mode provide; each mode is one module of this shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dialogue.protocols import Tool
from toolwoz.world.calls import AcceptedCall, Answer
from toolwoz.world.database import Database
from toolwoz.world.scenario import Goal, Scenario

Spell = Callable[[str, object], str]
"""``(slot, value)`` -> the value in the database's spelling; "" where it is no constraint."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a dialogue is cut off.

    Attributes:
        messages: Utterances of user and agent together, tool traffic not counted.
        model_calls: Assistant messages with tool calls the agent may write before it speaks.
        parallel_calls: Tool calls answered per assistant message; guessing in bulk earns nothing.
    """

    messages: int
    model_calls: int
    parallel_calls: int


class Rules(Protocol):
    """The rules of one mode."""

    @property
    def LIMITS(self) -> Limits: ...  # noqa: N802 - a module's constant

    def tools(self, database: Database, /) -> list[Tool]:
        """The tools an agent is given."""
        ...

    def accept(
        self, tool: str, given: Mapping[str, Any], required: Sequence[str], spell: Spell, /
    ) -> Mapping[str, Any]:
        """The arguments to answer a call by; ``given`` holds only parameters of the tool.

        Raises:
            CallError: a value is not accepted, or a required one is missing.
        """
        ...

    def shared_answer(
        self, database: Database, call: AcceptedCall, max_results: int, /
    ) -> Answer | None:
        """The answer where it is the same in every scenario, else None."""
        ...

    def answer(
        self, database: Database, scenario: Scenario, call: AcceptedCall, *, seed: int
    ) -> Answer:
        """The answer to a call without a shared one; the seed varies booking references only."""
        ...

    def reached(self, database: Database, scenario: Scenario, goal: Goal, answer: Answer) -> bool:
        """Whether an answered call of the goal's tool reaches the goal."""
        ...
