"""A benchmark of sums, and a policy that answers from a table."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dialogue.protocols import Completion
from dialogue.tool_text import assistant
from tasks.benchmarks.shape import Benchmark, Item, Score, SingleTurn


class Answers:
    """A policy that says what a table holds for the last message, and counts what it was asked."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, messages, _tools, **_):
        question = messages[-1]["content"]
        self.asked.append(question)
        return Completion(assistant(self.answers[question]), completion_tokens=1)


@pytest.fixture
def sums() -> Benchmark:
    """Eight questions of arithmetic, in two groups."""

    def score(item: Item, message) -> Score:
        right = message["content"] == item.gold
        return Score(float(right), "" if right else f"not {item.gold}", {"said": 1.0})

    items = [
        Item(
            f"sum/{n}",
            "odd" if n % 2 else "even",
            ({"role": "user", "content": f"{n}+1"},),
            (),
            str(n + 1),
        )
        for n in range(8)
    ]
    return Benchmark("sums", items, SingleTurn(score, lambda item: assistant(item.gold)))


@pytest.fixture
def right(sums) -> Answers:
    return Answers({item.messages[-1]["content"]: item.gold for item in sums.items})
