"""What every benchmark is: items in, a policy asked about each, scored items out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from dialogue.protocols import Message, Policy, Tool
from services.engines import open_engine
from tasks.benchmarks.scores.scored import Scored


class ContextFullError(RuntimeError):
    """The policy could not answer because its context was full: no answer, so no score."""


class UnscoredError(RuntimeError):
    """An answer without a score, and what is known of it all the same.

    Attributes:
        answer: As of :class:`Attempt`.
        parts: As of :class:`Score`.
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
        id: Unique within the benchmark, and the same in every run of it.
        group: The category it is reported under.
        messages: What the policy is asked first.
        tools: What it may call.
        gold: What the scorer needs to know; plain JSON. The policy never sees it.
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
        value: The benchmark's headline figure for this item, from 0 to 1.
        reason: Why, in a few words; of a perfect answer, usually nothing.
        parts: Further figures by name, each averaged over the items that have it.
    """

    value: float
    reason: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A policy's try at an item: what it wrote, what that was worth, and what it cost.

    Attributes:
        answer: Every message after the item's own, as the policy wrote or read them.
        score: The judgement.
        prompt_tokens, completion_tokens: Sums over its completions; 0 where unknown.
    """

    answer: tuple[Message, ...]
    score: Score
    prompt_tokens: int = 0
    completion_tokens: int = 0


Play = Callable[[Item, Policy, int], Awaitable[Attempt]]
"""Has a policy try an item, from a seed. Raises where it cannot be judged: then it is unscored."""


@dataclass(frozen=True, slots=True)
class SingleTurn:
    """Asks once and scores the one answer.

    Attributes:
        score: Judges an answer; total: whatever a model writes gets a score.
        gold: The answer that the benchmark holds for right. Where its score is below 1, the metric
            has a ceiling below 1.
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
        name: As on the command line.
        items: All of it, before any limit.
        play: Has a policy try one item.
        max_tokens: Most tokens of one message.
        depends_on: What the scores depend on besides the policy: protocol, judge. Plain JSON.
        known: What is reported as it stands: counts of excluded items, remarks. Plain JSON.
        figures: Figures of a whole run that are no mean over items. Plain JSON.
        ceiling, floor: The score at an item of the best answer the benchmark knows, and of none;
            where None, a :class:`SingleTurn` is asked, and of others they are not known.
        engine: Opens what `play` asks, as :func:`services.engines.open_engine` does.
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
