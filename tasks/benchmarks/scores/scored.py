"""A scored item of a benchmark: the one row that runs, comparisons and reports share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialogue.protocols import Message, Tool


@dataclass(frozen=True, slots=True)
class Scored:
    """A line of ``scored.jsonl``: an item, the answer to it and its score, or why it has none.

    Attributes:
        item, group: Id and category of the item.
        prompt, tools: Messages and tools that the policy got.
        answer: Messages of a :class:`tasks.benchmarks.shape.Attempt`; empty if there are none.
        score: Score from 0 to 1; None if unscored.
        reason, parts: Those of the :class:`tasks.benchmarks.shape.Score`; an unscored item may have
            parts.
        error: Reason why it is unscored; None if scored.
    """

    item: str
    group: str
    prompt: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    answer: tuple[Message, ...] = ()
    score: float | None = None
    reason: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __post_init__(self) -> None:
        if (self.score is None) != (self.error is not None):
            raise ValueError(f"{self.item}: a score or an error, not {self.score}, {self.error}")
        if self.score is not None and not 0 <= self.score <= 1:
            raise ValueError(f"{self.item}: the score {self.score} is not between 0 and 1")
