"""The interface of a mode's rules, which one module per mode implements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dialogue.protocols import Tool
from toolwoz.world.calls import Answer, Call
from toolwoz.world.database import Database
from toolwoz.world.scenario import Goal, Scenario

Spell = Callable[[str, object], str]
"""``(slot, value)`` -> the value in the database's spelling; "" where it is no constraint."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that end a dialogue.

    Attributes:
        messages: Maximum number of utterances of user and agent together.
        model_calls: Maximum number of assistant messages with tool calls before the agent speaks.
        parallel_calls: Maximum number of tool calls answered per assistant message, so that
            guessing in bulk earns nothing.
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

    def shared_answer(self, database: Database, call: Call, max_results: int, /) -> Answer | None:
        """The answer where it is the same in every scenario, else None."""
        ...

    def answer(self, database: Database, scenario: Scenario, call: Call, *, seed: int) -> Answer:
        """The answer to a call without a shared one; the seed varies booking references only."""
        ...

    def reached(self, database: Database, scenario: Scenario, goal: Goal, answer: Answer) -> bool:
        """Whether an answered call of the goal's tool reaches the goal."""
        ...
