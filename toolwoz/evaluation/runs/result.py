"""Results: one is a finished dialogue with its rewards, or the reason why it has no score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from dialogue.protocols import Message


class Key(NamedTuple):
    """The key of a dialogue within a run; comparisons pair two runs by it."""

    scenario: str
    trial: int


@dataclass(frozen=True, slots=True)
class Result:
    """One dialogue of a benchmark run.

    Attributes:
        scenario: Id of the scenario.
        trial: Number of the dialogue of this scenario, from 0.
        goals: Ids of the scenario's goals; at least one.
        earned: Ids of the goals reached, in the order of ``goals``.
        messages: The whole dialogue as the policy saw it, including its own messages.
        error: The reason why the dialogue has no score (an engine failed); else None.
        truncated: Whether the policy's context was full; the dialogue is scored up to there.
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
            ValueError: the dialogue is unscored; a failed engine is not a reward of zero.
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
        """Number of agent turns: a turn may be several messages."""
        roles = [message["role"] for message in self.messages]
        return sum(pair == ("user", "assistant") for pair in pairwise(roles))

    @property
    def calls(self) -> int:
        """Number of tool calls made, good or bad."""
        return sum(len(message.get("tool_calls") or ()) for message in self.messages)

    @property
    def model_calls(self) -> int:
        """Number of the agent's messages; each is a completion."""
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
