"""MT-Bench's judge of the better of two answers, asked in both orders.

Judges prefer the first answer, so a preference counts only if it is the same in both orders. A
judge's text without a verdict does not count; the share of such texts is a figure.
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
from tasks.benchmarks.options import Helper
from tasks.benchmarks.shape import Score, UnscoredError
from tasks.benchmarks.suites.ask import ask

_VERDICT: Final = re.compile(r"\[\[([ABC])\]\]")


class Pair(NamedTuple):
    """Both turns of a question with the answers of two models; lists have an element per turn.

    Attributes:
        questions: Questions of the user.
        after, before: Answers under test, and the answers to compare them with.
        reference: Right answers; None if the judge gets none.
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
        """1 if the answer under test won in both orders, 0 if it lost in both, else 0.5.

        None if a verdict is missing.
        """
        if self.first is None or self.second is None:
            return None
        return {"AB": 1.0, "BA": 0.0}.get(self.first + self.second, 0.5)

    @property
    def swayed(self) -> bool:
        """Whether the same position won in both orders."""
        return self in (("A", "A"), ("B", "B"))


def read_verdict(text: str) -> str | None:
    """A, B, or C for a tie; None if the judge gave no verdict or several.

    The authors take the first verdict in the text, so that a judge that repeats its instructions
    would always prefer A.
    """
    found = set(_VERDICT.findall(text))
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdicts on a question, by turn."""

    judge: str
    turns: Sequence[Turn]

    def score(self, answer: tuple[Message, ...]) -> Score:
        """The mean over the turns that have both verdicts; a tie is 0.5.

        Raises:
            UnscoredError: no turn has both; the error keeps the part ``unparsed``.
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
        judge: The judge.
        prompts: Templates of the authors by name.
    """

    judge: Helper
    prompts: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, path: Path, judge: Helper) -> Pairwise:
        lines = path.read_text(encoding="utf-8").splitlines()
        return cls(judge, {one["name"]: one for one in map(json.loads, lines)})

    async def __call__(self, pair: Pair, seed: int) -> Comparison:
        """Judge both turns in both orders.

        Raises:
            tasks.benchmarks.suites.ask.JudgeError: a prompt does not fit the judge's context.
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
