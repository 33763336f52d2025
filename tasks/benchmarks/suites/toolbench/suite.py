"""ToolBench by its tool path: choice of the right APIs among others, and valid calls.

The queries are StableToolBench's solvable ones (arXiv 2403.07714). They name the relevant APIs but
no arguments, so arguments are checked against their schema only. No API answers: the model makes
all calls in one message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

from dialogue.protocols import Message, Tool
from tasks.benchmarks import files
from tasks.benchmarks.options import Options
from tasks.benchmarks.shape import Benchmark, Item, Score, SingleTurn
from tasks.benchmarks.suites.functions import Called, called, calling, tool

GROUPS: Final = (
    "G1_instruction",
    "G1_category",
    "G1_tool",
    "G2_category",
    "G2_instruction",
    "G3_instruction",
)
_PROMPT: Final = """\
You fulfil a request by calling functions. Call every function that the request needs, all in this \
one answer, and none that it does not need."""
_TYPES: Final = {
    "number": "number",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}
_EXAMPLES: Final[Mapping[str, Any]] = {
    "number": 1,
    "boolean": True,
    "array": [],
    "object": {},
    "string": "any",
}
_LONGEST: Final = 256
"""Characters of a description, as in the authors' agent."""
_RESERVED: Final = frozenset({"from", "class", "return", "false", "true", "id", "and"})


def open_benchmark(options: Options) -> Benchmark:
    """The queries with more APIs than they need: only there is anything to select."""
    items = read_items(files.fetch("toolbench", options.data, options.mirror))
    chosen = [item for item in items if len(item.tools) > len(item.gold)]
    return Benchmark(
        "toolbench",
        chosen,
        SingleTurn(score, gold),
        max_tokens=512,
        depends_on={"protocol": "tool path, single answer"},
        known={"left out, every API offered is relevant": len(items) - len(chosen)},
    )


def read_items(folder: Path) -> list[Item]:
    """Every solvable query; ``gold`` is the names of the relevant tools."""
    return [
        _item(group, query)
        for group in GROUPS
        for query in json.loads(
            (folder / f"solvable_queries/test_instruction/{group}.json").read_text("utf-8")
        )
    ]


def score(item: Item, message: Message) -> Score:
    """F1 of the set of tools called, against the relevant ones.

    Parts: ``precision`` and ``recall`` of that set, ``path`` (1 if no relevant tool is missing);
    and, where a call was made, the shares of the calls that are to no tool there is
    (``hallucinated``), and of those to a tool whose arguments fit its schema
    (``valid_arguments``).
    """
    calls = called(message)
    relevant, made = set(item.gold), {call.name for call in calls}
    hits, missing = len(relevant & made), relevant - made
    parts = {
        "precision": hits / len(made) if made else 0.0,
        "recall": hits / len(relevant),
        "path": float(not missing),
        **_of_calls(item.tools, calls),
    }
    reasons = [f"no call to {', '.join(sorted(missing))}"] if missing else []
    if others := made - relevant:
        reasons.append(f"needless: {', '.join(sorted(others))}")
    return Score(2 * hits / (len(made) + len(relevant)), "; ".join(reasons)[:500], parts)


def gold(item: Item) -> Message:
    """A call to each relevant tool, with some value for every required argument."""
    by_name = {one["function"]["name"]: one["function"]["parameters"] for one in item.tools}
    return calling(*((name, _example(by_name[name])) for name in item.gold))


def tool_name(tool_name: str, api_name: str) -> str:
    """``API_for_TOOL`` as the authors' agent writes it, before it is cut to 64 characters."""
    api = _standardize(api_name)
    return f"{'is_' if api in _RESERVED else ''}{api}_for_{_standardize(tool_name)}"


def _item(group: str, query: Mapping[str, Any]) -> Item:
    names: dict[tuple[str, str], str] = {}
    for api in query["api_list"]:
        whole = tool_name(api["tool_name"], api["api_name"])
        # The authors keep the last 64 characters, by which four queries have two tools of a name.
        name = whole[-64:] if whole[-64:] not in names.values() else whole[:64]
        names[api["tool_name"], api["api_name"]] = name
    relevant = dict.fromkeys(names[name, api] for name, api in query["relevant APIs"])
    return Item(
        id=f"{group}/{query['query_id']}",
        group=group,
        messages=(
            {"role": "system", "content": _PROMPT},
            {"role": "user", "content": query["query"]},
        ),
        tools=tuple(
            _tool(names[api["tool_name"], api["api_name"]], api) for api in query["api_list"]
        ),
        gold=list(relevant),
    )


def _tool(name: str, api: Mapping[str, Any]) -> Tool:
    required = api["required_parameters"]
    parameters = {
        "type": "object",
        "properties": {
            one["name"]: _schema(one) for one in (*api["optional_parameters"], *required)
        },
        "required": list(dict.fromkeys(one["name"] for one in required)),
    }
    description = f"{api['tool_name']}: {api['api_description'].strip()[:_LONGEST]}"
    return tool(name, description, parameters)


def _schema(parameter: Mapping[str, Any]) -> dict[str, Any]:
    kind = _TYPES.get(parameter["type"].casefold(), "string")
    described = {"type": kind, "description": parameter["description"][:_LONGEST]}
    default = parameter.get("default")
    return described if default in ("", None) else {**described, "examples": [default]}


def _of_calls(tools: Sequence[Tool], calls: Sequence[Called]) -> dict[str, float]:
    """The figures that only exist where a call was made."""
    schemas = {one["function"]["name"]: one["function"]["parameters"] for one in tools}
    known = [call for call in calls if call.name in schemas]
    found = {}
    if calls:
        found["hallucinated"] = 1 - len(known) / len(calls)
    if known:
        fit = [_fits(call.arguments, schemas[call.name]) for call in known]
        found["valid_arguments"] = sum(fit) / len(fit)
    return found


def _fits(arguments: Mapping[str, Any] | None, schema: Mapping[str, Any]) -> bool:
    return arguments is not None and Draft202012Validator(schema).is_valid(arguments)


def _example(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _EXAMPLES[schema["properties"][name]["type"]] for name in schema["required"]}


def _standardize(name: str) -> str:
    """The authors' spelling: letters, digits, ``^`` and single underscores, in lower case."""
    plain = re.sub(r"__+", "_", re.sub(r"[^\u4e00-\u9fa5a-zA-Z0-9^_]", "_", name))
    plain = plain.lower().strip("_")
    return f"get_{plain}" if plain[:1].isdigit() else plain
