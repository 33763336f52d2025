"""The Berkeley Function Calling Leaderboard: single-turn calls, and whether to call at all.

Its package pins many packages to old versions, so data and rules are used without it. Scores are of
the function-calling setting, in which dots in names are underscores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from dialogue.protocols import Message, Tool
from dialogue.tool_text import assistant
from tasks.benchmarks import files
from tasks.benchmarks.options import Options
from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.shape import Benchmark, Item, Score, SingleTurn
from tasks.benchmarks.suites.bfcl.match import match
from tasks.benchmarks.suites.functions import called, calling, safe_name, tool

NON_LIVE: Final = ("simple_python", "multiple", "parallel", "parallel_multiple")
LIVE: Final = ("live_simple", "live_parallel", "live_parallel_multiple")
UNANSWERED: Final = ("irrelevance", "live_relevance")
"""Categories scored by whether a call is made: it must not be, and it must be."""
CATEGORIES: Final = (*NON_LIVE, *LIVE, *UNANSWERED)

_TYPES: Final = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}


def open_benchmark(options: Options) -> Benchmark:
    """The categories whose data is pinned; ``live_multiple`` is not among them."""
    folder = files.fetch("bfcl", options.data, options.mirror)
    return Benchmark(
        "bfcl",
        [item for category in CATEGORIES for item in _items(folder, category)],
        SingleTurn(score, gold),
        depends_on={"protocol": "function calling, AST match"},
        known={"left out": ["live_multiple", "live_irrelevance", "java", "javascript"]},
        figures=averages,
    )


def score(item: Item, message: Message) -> Score:
    """1 if the calls have no fault, else 0."""
    calls = called(message)
    if item.group in UNANSWERED:
        made = any(call.arguments is not None for call in calls)
        right = made == (item.group == "live_relevance")
        return Score(float(right), "" if right else ("a call" if made else "no call"))
    reason = match(item.group, item.gold["functions"], item.gold["answers"], calls)
    return Score(float(not reason), reason)


def gold(item: Item) -> Message:
    """A message with the first acceptable value of every parameter."""
    if item.group == "live_relevance":
        return calling((item.tools[0]["function"]["name"], {}))
    if item.group == "irrelevance":
        return assistant("None of the functions fits.")
    return calling(
        *(
            (safe_name(name), _example(values))
            for a in item.gold["answers"]
            for name, values in a.items()
        )
    )


def averages(scored: Sequence[Scored]) -> dict[str, float]:
    """The leaderboard's averages: non-live over categories, live over items."""
    by_group = {
        category: [one.score for one in scored if one.group == category and one.score is not None]
        for category in CATEGORIES
    }
    non_live = [fmean(by_group[category]) for category in NON_LIVE if by_group[category]]
    live = [value for category in LIVE for value in by_group[category]]
    found = {"non_live_ast": non_live, "live_ast": live}
    return {name: fmean(values) for name, values in found.items() if values}


def _items(folder: Path, category: str) -> list[Item]:
    name = f"BFCL_v4_{category}.json"
    path = folder / "possible_answer" / name
    answers = {one["id"]: one["ground_truth"] for one in _lines(path)} if path.is_file() else {}
    return [
        Item(
            id=one["id"],
            group=category,
            messages=tuple(one["question"][0]),
            tools=tuple(_tool(function) for function in one["function"]),
            gold={"functions": one["function"], "answers": answers.get(one["id"])},
        )
        for one in _lines(folder / name)
    ]


def _tool(function: Mapping[str, Any]) -> Tool:
    parameters = _schema(function["parameters"])
    return tool(safe_name(function["name"]), function["description"], parameters)


def _schema(value: Any) -> Any:
    """The schema with JSON's type names."""
    if isinstance(value, list):
        return [_schema(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    found = {key: _schema(one) for key, one in value.items()}
    if isinstance(kind := value.get("type"), str):
        found["type"] = _TYPES.get(kind, kind)
    return found


def _example(acceptable: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    chosen = {name: [one for one in values if one != ""] for name, values in acceptable.items()}
    return {name: _value(values[0]) for name, values in chosen.items() if values}


def _value(value: Any) -> Any:
    """An acceptable value; inside a dict or a list of dicts there are lists of values again."""
    if isinstance(value, dict):
        return _example(value)
    return [_value(one) for one in value] if isinstance(value, list) else value


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
