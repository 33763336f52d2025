"""ToolAlpaca (arXiv 2306.05301): one instruction, and an API that the model has never seen.

The score is a match of the calls of one answer with the golden calls. The official protocol, with a
simulated API and a judge, is :mod:`tasks.benchmarks.suites.toolalpaca.judge`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dialogue.protocols import Message, Tool
from tasks.benchmarks import files
from tasks.benchmarks.options import Options
from tasks.benchmarks.shape import Benchmark, Item, Score, SingleTurn
from tasks.benchmarks.suites.functions import called, calling, tool
from tasks.benchmarks.suites.toolalpaca.call_match import Step, match, parse_golden

SPLITS: Final = ("simulated", "real")
ASK_USER: Final = "getDetails"
"""The official agent's function to ask the user, which no API documents."""

_PROMPT = """\
You fulfil a request by calling functions of the API {name}. Call every function that it needs, \
in order, all in this one answer. For an argument that an earlier call returns, write "result"."""
_TYPES: Final = {"integer": "integer", "number": "number", "boolean": "boolean"}
_GET_DETAILS: Final = tool(
    ASK_USER,
    "Ask the user for essential information that the request lacks.",
    {
        "type": "object",
        "properties": {"Question": {"type": "string", "description": "What to ask."}},
        "required": ["Question"],
    },
)


def open_benchmark(options: Options) -> Benchmark:
    """Both evaluation splits, scored by call match."""
    apis = read_apis(files.fetch("toolalpaca", options.data, options.mirror))
    items = [item for split, found in apis.items() for api in found for item in _items(split, api)]
    answerable = [item for item in items if item.gold is not None]
    return Benchmark(
        "toolalpaca",
        answerable,
        SingleTurn(score, gold),
        depends_on={"protocol": "call match"},
        known=_counts(items),
    )


def read_apis(folder: Path) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The APIs of each split, with their instructions and golden answers."""
    return {
        split: json.loads((folder / f"eval_{split}.json").read_text(encoding="utf-8"))
        for split in SPLITS
    }


def tools_of(split: str, api: Mapping[str, Any]) -> tuple[Tool, ...]:
    """The functions of an API, without parameters for credentials, which the caller adds."""
    described = api["Function_Description"]
    secrets = api.get("Authentication") or {}
    functions = [
        _tool(name, described[name], secrets) for name in described if name != "components"
    ]
    return tuple([*functions, _GET_DETAILS] if split == "simulated" else functions)


def steps_of(split: str, api: Mapping[str, Any], number: int) -> list[Step] | None:
    """The golden calls of an instruction; None if a function is not documented."""
    names = {one["function"]["name"] for one in tools_of(split, api)}
    steps = parse_golden(api["Golden_Answers"][number], api.get("Authentication") or {}, ASK_USER)
    return steps if all(step.name in names for step in steps) else None


def score(item: Item, message: Message) -> Score:
    """1 if the calls are the golden ones in order, else 0."""
    return match([Step(**step) for step in item.gold], called(message))


def gold(item: Item) -> Message:
    """The golden calls as a message; placeholders match any value."""
    steps = [Step(**step) for step in item.gold]
    return calling(*((step.name, step.example()) for step in steps))


def _items(split: str, api: Mapping[str, Any]) -> Iterator[Item]:
    tools = tools_of(split, api)
    system: Message = {"role": "system", "content": _PROMPT.format(name=api["Name"])}
    for number, instruction in enumerate(api["Instructions"]):
        steps = steps_of(split, api, number)
        yield Item(
            id=f"{split}/{api['Name']}/{number}",
            group=split,
            messages=(system, {"role": "user", "content": instruction}),
            tools=tools,
            gold=None if steps is None else [step._asdict() for step in steps],
        )


def _counts(items: Sequence[Item]) -> dict[str, Any]:
    excluded = Counter(item.group for item in items if item.gold is None)
    placeholders = Counter(
        item.group
        for item in items
        if item.gold and any(Step(**step).has_placeholder for step in item.gold)
    )
    return {
        "excluded, function not documented": dict(excluded),
        "with placeholders, which match anything": dict(placeholders),
    }


def _tool(name: str, text: str, secrets: Mapping[str, Any]) -> Tool:
    """A function from its description, which has the parameters as JSON in one line."""
    found = re.search(r"^Parameters: (.*)$", text, re.MULTILINE)
    parameters = json.loads(found[1]) if found else {}
    wanted = {key: said for key, said in parameters.items() if key not in secrets}
    return tool(
        name,
        re.sub(r"^Parameters: .*\n?", "", text, flags=re.MULTILINE).strip(),
        {
            "type": "object",
            "properties": {key: _schema(said) for key, said in wanted.items()},
            "required": [key for key, said in wanted.items() if said.startswith("Required.")],
        },
    )


def _schema(said: str) -> dict[str, str]:
    """``Required. integer. Which page.`` as a schema with the text as description."""
    kind = said.removeprefix("Required.").strip().partition(".")[0].casefold()
    if kind.startswith(("array", "object")):
        return {"type": "array" if kind.startswith("array") else "object", "description": said}
    return {"type": _TYPES.get(kind, "string"), "description": said}
