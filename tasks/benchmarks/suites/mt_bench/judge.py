"""MT-Bench's judge: which of two answers is better, asked in both orders.

A judge prefers what stands first, so a preference counts only if it survives the other order. What
it says without a verdict counts as nothing, and how often that was is a figure of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final, NamedTuple

from dialogue.protocols import Message
from dialogue.seeds import stable_seed
from tasks.benchmarks.ask import ask
from tasks.benchmarks.options import Helper
from tasks.benchmarks.shape import Score, UnscoredError

_VERDICT: Final = re.compile(r"\[\[([ABC])\]\]")


class Pair(NamedTuple):
    """What is compared: both turns of a question, of two models; lists have an element a turn.

    Attributes:
        questions: Of the user.
        after, before: The answers under test, and those they are compared with.
        reference: The right answers; None where the judge gets none.
    """

    questions: Sequence[str]
    after: Sequence[str]
    before: Sequence[str]
    reference: Sequence[str] | None


class Turn(NamedTuple):
    """The verdicts on a turn, the answer under test first and second: A, B, C or None."""

    first: str | None
    second: str | None

    @property
    def value(self) -> float | None:
        """1 where the answer under test won in both orders, 0 where it lost in both, else 0.5.

        None where a verdict is missing.
        """
        if self.first is None or self.second is None:
            return None
        return {"AB": 1.0, "BA": 0.0}.get(self.first + self.second, 0.5)

    @property
    def swayed(self) -> bool:
        """The same position won in both orders."""
        return self in (("A", "A"), ("B", "B"))


def read_verdict(text: str) -> str | None:
    """A, B, or C for a tie; None where the judge gave no verdict or several.

    The authors take the first of the three letters that occurs anywhere, so that a judge which
    repeats its instructions would always prefer A.
    """
    found = set(_VERDICT.findall(text))
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A question's verdicts, the turns in order."""

    judge: str
    turns: Sequence[Turn]

    def score(self, answer: tuple[Message, ...]) -> Score:
        """The mean over the turns that have both verdicts, a tie as a half.

        Raises:
            UnscoredError: no turn has; the part ``unparsed`` is kept.
        """
        verdicts = [verdict for turn in self.turns for verdict in turn]
        parts = {"unparsed": fmean(verdict is None for verdict in verdicts)}
        found = {n: turn for n, turn in enumerate(self.turns, 1) if turn.value is not None}
        if not found:
            raise UnscoredError(f"{self.judge} gave too few verdicts: {verdicts}", answer, parts)
        values = {f"turn {n}": turn.value for n, turn in found.items() if turn.value is not None}
        return Score(
            fmean(values.values()),
            ", ".join(f"turn {n}: {turn.first} {turn.second}" for n, turn in found.items()),
            {**values, **parts, "swayed": fmean(turn.swayed for turn in found.values())},
        )


@dataclass(frozen=True, slots=True)
class Pairwise:
    """A judge with the authors' prompts.

    Attributes:
        judge: Whom it asks.
        prompts: Their templates, by name.
    """

    judge: Helper
    prompts: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, path: Path, judge: Helper) -> Pairwise:
        lines = path.read_text(encoding="utf-8").splitlines()
        return cls(judge, {one["name"]: one for one in map(json.loads, lines)})

    async def __call__(self, pair: Pair, seed: int) -> Comparison:
        """Both turns in both orders.

        Raises:
            tasks.benchmarks.ask.JudgeError: a prompt does not fit the judge's context.
        """
        turns = []
        for turn in (1, 2):
            orders = [(pair.after, pair.before), (pair.before, pair.after)]
            said = [
                await self._ask(pair, turn, a, b, stable_seed(seed, turn, order))
                for order, (a, b) in enumerate(orders)
            ]
            turns.append(Turn(*map(read_verdict, said)))
        return Comparison(self.judge.name, turns)

    async def _ask(
        self, pair: Pair, turn: int, a: Sequence[str], b: Sequence[str], seed: int
    ) -> str:
        name = "pair-math-v1" if pair.reference else "pair-v2"
        prompt = self.prompts[name if turn == 1 else f"{name}-multi-turn"]
        values = {"question": pair.questions[0], "answer_a": a[0], "answer_b": b[0]}
        for number in (1, 2):
            values |= {
                f"question_{number}": pair.questions[number - 1],
                f"answer_a_{number}": a[number - 1],
                f"answer_b_{number}": b[number - 1],
                f"ref_answer_{number}": pair.reference[number - 1] if pair.reference else "",
            }
        text = prompt["prompt_template"].format_map(values)
        return await ask(self.judge, text, seed, prompt["system_prompt"])
