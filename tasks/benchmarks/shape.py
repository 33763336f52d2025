"""The shape of every benchmark: items in, a policy asked about each, scored items out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from dialogue.protocols import Message, Policy, Tool
from services.engines import open_engine
from tasks.benchmarks.scores.scored import Scored


class ContextFullError(RuntimeError):
    """The policy could not answer because its context was full: the item is unscored."""


class UnscoredError(RuntimeError):
    """An answer could not be scored.

    Attributes:
        answer: Messages of the answer, as in :class:`Attempt`.
        parts: Figures that are known nevertheless, as in :class:`Score`.
    """

    def __init__(
        self, reason: str, answer: tuple[Message, ...], parts: Mapping[str, float]
    ) -> None:
        super().__init__(reason)
        self.answer = answer
        self.parts = parts


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a benchmark.

    Attributes:
        id: Identifier, unique within the benchmark and equal in all its runs.
        group: Category for reports.
        messages: First messages for the policy.
        tools: Tools of the policy.
        gold: Data for the scorer as plain JSON, which the policy never sees.
    """

    id: str
    group: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    gold: Any = None


@dataclass(frozen=True, slots=True)
class Score:
    """The judgement of one answer.

    Attributes:
        value: Headline figure of the benchmark for this item, from 0 to 1.
        reason: Short reason; usually empty for a perfect answer.
        parts: Further figures by name, each averaged over the items that have it.
    """

    value: float
    reason: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A policy's attempt at an item: its messages, their score, and their tokens.

    Attributes:
        answer: All messages after the item's own, those that the policy read included.
        score: Score of the answer.
        prompt_tokens, completion_tokens: Sums over its completions; 0 if unknown.
    """

    answer: tuple[Message, ...]
    score: Score
    prompt_tokens: int = 0
    completion_tokens: int = 0


Play = Callable[[Item, Policy, int], Awaitable[Attempt]]
"""Has a policy attempt an item, with a seed. An exception makes the item unscored."""


@dataclass(frozen=True, slots=True)
class SingleTurn:
    """Asks once and scores the one answer.

    Attributes:
        score: Function that scores any answer.
        gold: Function that returns the benchmark's own answer to an item. If its score is below 1,
            the metric has a ceiling below 1.
    """

    score: Callable[[Item, Message], Score]
    gold: Callable[[Item], Message]

    async def __call__(self, item: Item, policy: Policy, seed: int) -> Attempt:
        completion = await policy(item.messages, item.tools, seed=seed)
        if completion is None:
            raise ContextFullError("the prompt leaves no room for an answer")
        return Attempt(
            (completion.message,),
            self.score(item, completion.message),
            completion.prompt_tokens,
            completion.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark, ready to run.

    Attributes:
        name: Name on the command line.
        items: All items, before any limit.
        play: Function that has a policy attempt one item.
        max_tokens: Maximum number of tokens of one message.
        depends_on: Settings besides the policy on which the scores depend, as protocol and judge;
            plain JSON.
        known: Facts to report unchanged, as counts of excluded items; plain JSON.
        figures: Function of figures of a whole run that are no mean over items; plain JSON.
        ceiling, floor: Functions of an item's score for the best known answer, and for no answer.
            If None, those of a :class:`SingleTurn` are computed; others are unknown.
        engine: Opens the policy that `play` asks, as :func:`services.engines.open_engine` does.
    """

    name: str
    items: Sequence[Item]
    play: Play
    max_tokens: int = 256
    depends_on: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)
    figures: Callable[[Sequence[Scored]], Mapping[str, Any]] = lambda _scored: {}
    ceiling: Callable[[Item], float] | None = None
    floor: Callable[[Item], float] | None = None
    engine: Callable[..., AbstractContextManager[Policy]] = open_engine
