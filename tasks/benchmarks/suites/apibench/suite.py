"""APIBench (Gorilla, arXiv 2305.15334): the one right call that loads a model for a request.

A call is right if it is in the hub's database and has the requested domain. Some golden calls match
an entry of another domain first, so the metric's ceiling is reported with every score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from dialogue.protocols import Message
from dialogue.tool_text import assistant
from tasks.benchmarks import files
from tasks.benchmarks.options import Options
from tasks.benchmarks.shape import Benchmark, Item, Score, SingleTurn
from tasks.benchmarks.suites.apibench.match import Database, Hub, read_call

_NAMES: Final[Mapping[Hub, str]] = {
    "torchhub": "PyTorch Hub",
    "huggingface": "Hugging Face Transformers",
    "tensorflowhub": "TensorFlow Hub",
}
_EVALUATION: Final[Mapping[Hub, str]] = {
    "torchhub": "torchhub_eval.json",
    "huggingface": "huggingface_eval.json",
    "tensorflowhub": "tensorflow_eval.json",
}
_PROMPT: Final = """\
{question}
Which model of {hub} does that, and which single line of Python loads it? Answer in this format:
<<<domain>>>: DOMAIN, <<<api_call>>>: CALL, <<<api_provider>>>: PROVIDER, \
<<<explanation>>>: WHY, <<<code>>>: CODE
CALL is the one line and PROVIDER the framework; WHY goes step by step, and CODE is the program. \
DOMAIN is one of: {domains}."""


def open_hub(hub: Hub, options: Options) -> Benchmark:
    """The questions of one hub, scored by AST match."""
    folder = files.fetch("apibench", options.data, options.mirror)
    scorer = Scorer.read(hub, folder)
    return Benchmark(
        f"apibench-{hub}",
        _items(hub, folder, scorer.domains),
        SingleTurn(scorer, _gold),
        depends_on={"protocol": "zero-shot, five fields, AST match"},
    )


open_torchhub = partial(open_hub, "torchhub")
open_huggingface = partial(open_hub, "huggingface")
open_tensorflowhub = partial(open_hub, "tensorflowhub")


@dataclass(frozen=True, slots=True)
class Scorer:
    """Scores answers by a hub's database.

    Attributes:
        database: Calls of the hub.
        domains: Domain of each call, in the same order.
    """

    database: Database
    domains: Sequence[str]

    @classmethod
    def read(cls, hub: Hub, folder: Path) -> Scorer:
        apis = _lines(folder / f"{hub}_api.jsonl")
        return cls(
            Database.of(hub, [api["api_call"] for api in apis]), [api["domain"] for api in apis]
        )

    def __call__(self, item: Item, message: Message) -> Score:
        """1 for an API of the right domain; part ``hallucination``: 1 for an unknown API."""
        call = read_call(self.database.hub, str(message.get("content") or ""))
        if call is None:
            return Score(0.0, "no api_call in the answer", {"hallucination": 0.0})
        index = self.database.find(call)
        if index is None:
            return Score(0.0, f"no such API: {call[:200]}", {"hallucination": 1.0})
        domain = self.domains[index]
        right = domain == item.gold["domain"]
        reason = "" if right else f"entry {index} is {domain}, not {item.gold['domain']}"
        return Score(float(right), reason, {"hallucination": 0.0})


def _gold(item: Item) -> Message:
    return assistant(f"<<<api_call>>>: {item.gold['call']}, <<<api_provider>>>: any")


def _items(hub: Hub, folder: Path, domains: Sequence[str]) -> list[Item]:
    truths = _lines(folder / _EVALUATION[hub])
    listed = ", ".join(sorted(set(domains)))
    items = []
    for question in _lines(folder / f"questions_{hub}_0_shot.jsonl"):
        truth = truths[question["question_id"] - 1]["api_data"]
        asked = question["text"].replace("\\n", "").strip()
        prompt = _PROMPT.format(question=asked, hub=_NAMES[hub], domains=listed)
        items.append(
            Item(
                id=str(question["question_id"]),
                group=truth["domain"],
                messages=({"role": "user", "content": prompt},),
                gold={"domain": truth["domain"], "call": truth["api_call"]},
            )
        )
    return items


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
