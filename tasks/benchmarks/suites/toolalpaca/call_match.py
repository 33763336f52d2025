"""Match of calls with golden calls: the same functions in order, with the same arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from tasks.benchmarks.shape import Score
from tasks.benchmarks.suites.functions import Called

ANY: Final = "${any}"
"""Placeholder for a value that is unknown beforehand: the result of an earlier call."""

_PLACEHOLDER: Final = re.compile(r'"?\$\{[^{}",]*\}?"?|"\{[^{}"]*\}"')
# Four answers of the split `real` name a key twice: "symbols": "symbols": ["EUR"].
_DOUBLED: Final = re.compile(r'("\w+":)\s*\1')
_OPTIONAL: Final = "[Optional]"


class Step(NamedTuple):
    """A golden call.

    Attributes:
        name: Name of the function.
        arguments: Arguments, with :data:`ANY` for placeholders; None: any arguments match.
        optional: Whether an answer may leave the call out.
    """

    name: str
    arguments: Mapping[str, Any] | None
    optional: bool = False

    @property
    def has_placeholder(self) -> bool:
        return self.arguments is None or ANY in json.dumps(self.arguments)

    def example(self) -> Mapping[str, Any]:
        """Arguments that match."""
        return self.arguments or {}


def parse_golden(
    golden: Iterable[Mapping[str, str]], secrets: Mapping[str, Any], ask_user: str
) -> list[Step]:
    """ToolAlpaca's golden steps.

    Args:
        golden: Steps with ``Action`` and ``Action_Input``, JSON text with placeholders.
        secrets: Parameters with credentials, which a model cannot know; they are left out.
        ask_user: Name of the function that asks the user. Its text is free, and later calls are
            optional, as they depend on a reply that a single answer does not see.
    """
    steps: list[Step] = []
    for one in golden:
        asked = any(step.name == ask_user for step in steps)
        name = one["Action"].removeprefix(_OPTIONAL)
        arguments = None if name == ask_user else _arguments(one["Action_Input"], secrets)
        steps.append(Step(name, arguments, asked or one["Action"].startswith(_OPTIONAL)))
    return steps


def match(steps: Sequence[Step], calls: Sequence[Called]) -> Score:
    """1 for the golden calls in order, with or without the optional ones; else 0.

    Parts: ``function``, the share of positions with the right function, and ``argument_f1``, of
    the triples function, parameter, value.
    """
    required = [step for step in steps if not step.optional]
    versions = [list(steps)] if len(required) == len(steps) else [list(steps), required]
    return max((_match(version, calls) for version in versions), key=_rank)


def same(golden: Any, given: Any) -> bool:
    """Whether a value equals the golden one; 3, 3.0 and "3" are equal, and so is another case."""
    if golden == ANY:
        return True
    if isinstance(golden, Mapping) and isinstance(given, Mapping):
        return golden.keys() == given.keys() and all(same(golden[k], given[k]) for k in golden)
    if isinstance(golden, list) and isinstance(given, list):
        if ANY in golden:  # of unknown length
            return True
        return len(golden) == len(given) and all(map(same, golden, given))
    return bool(_plain(golden) == _plain(given))


def _match(steps: Sequence[Step], calls: Sequence[Called]) -> Score:
    pairs = list(zip_longest(steps, calls))
    names = [bool(step and call and step.name == call.name) for step, call in pairs]
    wrong = next((pair for pair in pairs if not _is_same(*pair)), None)
    return Score(
        0.0 if wrong else 1.0,
        _reason(*wrong) if wrong else "",
        {
            "function": sum(names) / len(names) if names else 1.0,
            "argument_f1": _argument_f1(steps, calls),
        },
    )


def _rank(score: Score) -> tuple[float, float, float]:
    return score.value, score.parts["function"], score.parts["argument_f1"]


def _is_same(step: Step | None, call: Called | None) -> bool:
    if step is None or call is None or step.name != call.name or call.arguments is None:
        return False
    return step.arguments is None or same(_given(step.arguments), _given(call.arguments))


def _reason(step: Step | None, call: Called | None) -> str:
    if step is None or call is None:
        return f"one call too many, {call.name}" if call else f"no call to {step and step.name}"
    if step.name != call.name:
        return f"called {call.name}, not {step.name}"
    return f"{step.name}: arguments {call.arguments}, not {step.arguments}"


def _argument_f1(steps: Sequence[Step], calls: Sequence[Called]) -> float:
    """F1 of the arguments; a golden call is paired with the first free call of its function."""
    free = list(calls)
    found = 0
    for step in steps:
        call = next((one for one in free if one.name == step.name), None)
        if call is None:
            continue
        free.remove(call)
        golden, given = _given(step.arguments), _given(call.arguments)
        found += len([name for name in golden if name in given and same(golden[name], given[name])])
    total = sum(len(_given(step.arguments)) for step in steps)
    total += sum(len(_given(call.arguments)) for call in calls)
    if not total:  # no arguments at all: right if the functions are right
        return float([step.name for step in steps] == [call.name for call in calls])
    return 2 * found / total


def _given(arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments with a value; golden answers have "" for a missing one."""
    return {name: value for name, value in (arguments or {}).items() if value not in ("", None)}


def _plain(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        return value
    text = str(value).strip().casefold()
    try:
        return float(text)
    except ValueError:
        return text


def _arguments(text: str, secrets: Mapping[str, Any]) -> dict[str, Any]:
    text = _PLACEHOLDER.sub(f'"{ANY}"', _DOUBLED.sub(r"\1", text))
    if text.count("{") > text.count("}"):  # the split `simulated` has one placeholder unclosed
        text += "}"
    found: dict[str, Any] = json.loads(text)
    return {name: value for name, value in found.items() if name not in secrets}
