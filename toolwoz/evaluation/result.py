"""A result: one dialogue played to its end, what it earned, or why it could not be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from dialogue.protocols import Message


class Key(NamedTuple):
    """What identifies a dialogue within a run; also what pairs two runs."""

    scenario: str
    trial: int


@dataclass(frozen=True, slots=True)
class Result:
    """One dialogue of a benchmark run.

    Attributes:
        scenario: Scenario id.
        trial: 0 for the first dialogue of the scenario, 1 for the second...
        goals: Ids of the scenario's goals; at least one.
        earned: Those reached, in the order of ``goals``.
        messages: The whole dialogue as the policy saw it, with its own messages.
        error: Why the dialogue has no score: its engine, or its user's, failed. Else None.
        truncated: The policy's context was full: scored as far as it went.
        prompt_tokens, completion_tokens: Sums over the policy's completions; 0 where unknown.
    """

    scenario: str
    trial: int
    goals: tuple[str, ...]
    earned: tuple[str, ...]
    messages: tuple[Message, ...] = ()
    error: str | None = None
    truncated: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __post_init__(self) -> None:
        if not self.goals:
            raise ValueError(f"result of {self.scenario}: a scenario has at least one goal")
        if not set(self.earned) <= set(self.goals):
            raise ValueError(f"result of {self.scenario}: earned {self.earned} of {self.goals}")

    @property
    def key(self) -> Key:
        return Key(self.scenario, self.trial)

    @property
    def scored(self) -> bool:
        return self.error is None

    @property
    def reward(self) -> float:
        """Goals reached / goals.

        Raises:
            ValueError: the dialogue is unscored; an engine's failure is no zero.
        """
        if self.error is not None:
            raise ValueError(f"{self.scenario}, trial {self.trial}, is unscored: {self.error}")
        return len(self.earned) / len(self.goals)

    @property
    def success(self) -> bool:
        """Every goal was reached.

        Raises:
            ValueError: the dialogue is unscored.
        """
        return self.reward == 1.0

    @property
    def turns(self) -> int:
        """Agent turns: how often the agent took the floor from the user."""
        roles = [message["role"] for message in self.messages]
        return sum(pair == ("user", "assistant") for pair in pairwise(roles))

    @property
    def calls(self) -> int:
        """Tool calls made, good or bad."""
        return sum(len(message.get("tool_calls") or ()) for message in self.messages)

    @property
    def model_calls(self) -> int:
        """Messages of the agent, each a completion."""
        return sum(message["role"] == "assistant" for message in self.messages)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """The inverse of :meth:`to_json`.

        Raises:
            ValueError: a field is missing, unknown or impossible.
        """
        try:
            sequences = {name: tuple(data[name]) for name in ("goals", "earned", "messages")}
            return cls(**{**data, **sequences})
        except (KeyError, TypeError) as error:
            raise ValueError(f"result of {data.get('scenario', '?')}: {error!r}") from error
