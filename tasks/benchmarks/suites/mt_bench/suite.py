"""MT-Bench (arXiv 2306.05685): 80 open questions with a follow-up, judged in pairs.

A judge says which of two models answered better. ``mt-bench-answers`` collects the answers of one
model; ``mt-bench`` asks the other model and compares its answers with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from dialogue.protocols import Message, Policy
from dialogue.seeds import stable_seed
from tasks.benchmarks import files
from tasks.benchmarks.options import MissingError, Options
from tasks.benchmarks.scores.scored_file import SCORED, read_configuration, read_scored
from tasks.benchmarks.shape import Attempt, Benchmark, Item, Score
from tasks.benchmarks.suites.ask import Talk
from tasks.benchmarks.suites.mt_bench.judge import Pair, Pairwise
from tasks.benchmarks.suites.mt_bench.temperatures import Temperatures

ANSWERS: Final = "mt-bench-answers"
MAX_TOKENS: Final = 1024
TEMPERATURE: Final[Mapping[str, float]] = {
    "writing": 0.7,
    "roleplay": 0.7,
    "reasoning": 0.0,
    "math": 0.0,
    "coding": 0.0,
    "extraction": 0.0,
    "stem": 0.1,
    "humanities": 0.1,
}
"""Category -> the authors' temperature of sampling."""
REFERENCED: Final = ("reasoning", "math", "coding")
"""Categories for which the judge reads a reference answer."""
WRONG: Final = frozenset({104, 105, 109, 111, 113, 114, 120, 122, 124, 125, 126, 128, 130})
"""Questions whose stored reference answer is wrong, by FastChat's pull request 3158."""


def open_answers(options: Options) -> Benchmark:
    """The questions without a judge; a score of 1 means that both turns have an answer."""
    return _benchmark(ANSWERS, _items(_folder(options)), Answering())


def open_pairs(options: Options) -> Benchmark:
    """The questions that another run answered, judged in pairs. The score is the win rate.

    Raises:
        MissingError: no judge or no other run was named, or the run has no answers.
    """
    judge = options.need_judge("mt-bench")
    run = _answered(options.against)
    folder = _folder(options)
    answers = read_answers(run)
    items = [item for item in _items(folder) if item.id in answers]
    if not items:
        raise MissingError(f"{run} has no answers: run {ANSWERS} to that folder")
    return _benchmark(
        "mt-bench",
        items,
        Judged(Pairwise.read(folder / "judge_prompts.jsonl", judge), answers),
        depends_on={
            "judge": judge.name,
            "against": sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest(),
        },
        known={
            "judge": judge.name,
            "against": read_configuration(run).get("model"),
            "left out, not answered by that": len(_items(folder)) - len(items),
            "judged without their reference, which is wrong": sum(
                int(item.id) in WRONG for item in items
            ),
        },
    )


def _answered(against: Path | None) -> Path:
    """The folder of the other run: the named one, or that of the benchmark inside it."""
    for run in (against / ANSWERS, against) if against else ():
        if (run / SCORED).is_file():
            return run
    raise MissingError(f"mt-bench needs --against DIR, with another model's run of {ANSWERS}")


def read_answers(folder: Path) -> dict[str, list[str]]:
    """Question -> the answers of both turns in a run of either benchmark; unanswered ones left out.

    Raises:
        dialogue.records.RecordError: there is no run, or a damaged one.
    """
    texts = {one.item: _texts(one.answer) for one in read_scored(folder)}
    return {item: found for item, found in texts.items() if len(found) == 2}


@dataclass(frozen=True, slots=True)
class Answering:
    """Asks both turns."""

    async def __call__(self, item: Item, policy: Policy, seed: int) -> Attempt:
        talk = await _talk(item, policy, seed)
        empty = [turn for turn, text in enumerate(_texts(talk.answer), 1) if not text.strip()]
        return talk.attempt(
            Score(1 - len(empty) / 2, f"turn {empty} has no answer" if empty else "")
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """Asks both turns, and a judge to compare the answers with those of another run.

    Attributes:
        pairwise: The judge.
        before: Question -> answers of the other run.
    """

    pairwise: Pairwise
    before: Mapping[str, Sequence[str]]

    async def __call__(self, item: Item, policy: Policy, seed: int) -> Attempt:
        talk = await _talk(item, policy, seed)
        questions = [message["content"] for message in item.messages]
        pair = Pair(questions, _texts(talk.answer), self.before[item.id], item.gold["reference"])
        comparison = await self.pairwise(pair, stable_seed(seed, "judge"))
        return talk.attempt(comparison.score(talk.answer))


def _benchmark(
    name: str, items: Sequence[Item], play: Answering | Judged, **more: Any
) -> Benchmark:
    depends_on = {"temperature": dict(TEMPERATURE), **more.pop("depends_on", {})}
    temperatures = {item.messages[0]["content"]: TEMPERATURE[item.group] for item in items}
    return Benchmark(
        name,
        items,
        play,
        max_tokens=MAX_TOKENS,
        depends_on=depends_on,
        engine=Temperatures(temperatures).open,
        **more,
    )


def _folder(options: Options) -> Path:
    return files.fetch("mtbench", options.data, options.mirror)


def _items(folder: Path) -> list[Item]:
    references = {
        one["question_id"]: one["choices"][0]["turns"]
        for one in _lines(folder / "reference_answer" / "gpt-4.jsonl")
        if one["question_id"] not in WRONG
    }
    return [
        Item(
            id=str(one["question_id"]),
            group=one["category"],
            messages=tuple({"role": "user", "content": turn} for turn in one["turns"]),
            gold={
                "reference": references.get(one["question_id"])
                if one["category"] in REFERENCED
                else None
            },
        )
        for one in _lines(folder / "question.jsonl")
    ]


async def _talk(item: Item, policy: Policy, seed: int) -> Talk:
    first, second = item.messages
    talk = Talk(policy, (), seed, [first])
    await talk.turn()
    talk.messages.append(second)
    await talk.turn()
    return talk


def _texts(answer: Sequence[Message]) -> list[str]:
    return [str(one.get("content") or "") for one in answer if one["role"] == "assistant"]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
