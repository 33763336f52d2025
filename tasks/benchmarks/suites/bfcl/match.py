"""BFCL's AST match: calls against lists of acceptable values, with the types of the schema.

It follows the official checker for Python, whose quirks decide some items: nested types are checked
one level deep; ``""`` among the acceptable values makes a parameter optional, and its empty list
right; parallel calls are assigned greedily. The functions return a fault as text, "" for none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from tasks.benchmarks.suites.functions import Called, safe_name

Function = Mapping[str, Any]
"""A function as BFCL describes it: its ``parameters`` are a schema with Python's type names."""
Answer = Mapping[str, Mapping[str, Sequence[Any]]]
"""Function name -> parameter -> acceptable values; ``""``: it may be left out."""

_TYPES: Final[Mapping[str, type[Any]]] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_IGNORED: Final = re.compile(r"[ ,./\-_*^]")


def match(
    category: str, functions: Sequence[Function], answers: Sequence[Answer], calls: Sequence[Called]
) -> str:
    """The fault of the calls of one answer."""
    if len(calls) != len(answers):
        return f"{len(calls)} calls, not {len(answers)}"
    if "parallel" in category:
        return _in_any_order(functions, answers, calls)
    return _call(_described(functions, answers[0]), calls[0], answers[0])


def _in_any_order(
    functions: Sequence[Function], answers: Sequence[Answer], calls: Sequence[Called]
) -> str:
    free = list(calls)
    for answer in answers:
        function = _described(functions, answer)
        wrong = {index: _call(function, call, answer) for index, call in enumerate(free)}
        found = next((index for index, reason in wrong.items() if not reason), None)
        if found is None:
            return f"no call is {next(iter(answer))}: " + "; ".join(wrong.values())
        del free[found]
    return ""


def _described(functions: Sequence[Function], answer: Answer) -> Function:
    name = next(iter(answer))
    return next((one for one in functions if one["name"] == name), functions[0])


def _call(function: Function, call: Called, answer: Answer) -> str:
    [acceptable] = answer.values()
    if call.name not in (function["name"], safe_name(function["name"])):
        return f"called {call.name}, not {function['name']}"
    if call.arguments is None:
        return f"the arguments of {call.name} are no JSON object"
    properties = function["parameters"]["properties"]
    for name in function["parameters"].get("required", ()):
        if name not in call.arguments:
            return f"{name} is missing"
    for name, value in call.arguments.items():
        if name not in properties or name not in acceptable:
            return f"{name} is unexpected"
        if reason := _parameter(properties[name], value, acceptable[name]):
            return f"{name}: {reason}"
    for name, values in acceptable.items():
        if name not in call.arguments and "" not in values:
            return f"{name} is missing"
    return ""


def _parameter(schema: Mapping[str, Any], value: Any, acceptable: Sequence[Any]) -> str:
    kind = _TYPES[schema["type"]]
    items = schema.get("items") or {}
    nested = _TYPES[items["type"]] if kind is list and items.get("type") in _TYPES else None
    if schema["type"] == "float" and type(value) is int:
        value = float(value)
    checked = _type(value, acceptable, kind, nested)
    if checked.reason:
        return checked.reason
    if checked.is_variable:
        return "" if value in acceptable else _not_in(value, acceptable)
    if kind is dict:
        return _dict(value, acceptable)
    if kind is list and nested is dict:
        return _list_of_dicts(value, acceptable)
    if kind is str:
        fits = _standard(value) in [_standard(one) for one in acceptable if isinstance(one, str)]
    elif kind is list:
        fits = _standard(value) in [_standard(list(one)) for one in acceptable]
    else:
        fits = value in acceptable
    return "" if fits else _not_in(value, acceptable)


class _Checked(NamedTuple):
    reason: str
    is_variable: bool = False  # names a value, as a variable in code does


def _type(
    value: Any, acceptable: Sequence[Any], kind: type[Any], nested: type[Any] | None
) -> _Checked:
    wanted = next((type(one) for one in acceptable if one != ""), None)
    is_variable = wanted is not None and wanted is not kind
    if type(value) is kind:
        if nested is None:
            return _Checked("", is_variable)
        for one in acceptable:
            if not isinstance(one, list):
                return _Checked("", is_variable)
            if not any(_type(item, one, nested, None).reason for item in value):
                return _Checked("", is_variable)
        return _Checked(f"an item of {value!r} is no {nested.__name__}")
    if type(value) is wanted:
        return _Checked("", True)
    return _Checked(f"{value!r} is no {kind.__name__}")


def _dict(value: Mapping[str, Any], acceptable: Sequence[Any]) -> str:
    reason = _not_in(value, acceptable)
    for one in acceptable:
        if one != "" and not (reason := _entries(value, one)):
            return ""
    return reason


def _entries(value: Mapping[str, Any], acceptable: Mapping[str, Sequence[Any]]) -> str:
    for name, given in value.items():
        if name not in acceptable:
            return f"{name} is unexpected"
        if _standard(given, deep=False) not in [
            _standard(one, deep=False) for one in acceptable[name]
        ]:
            return f"{name}: {_not_in(given, acceptable[name])}"
    for name, values in acceptable.items():
        if name not in value and "" not in values:
            return f"{name} is missing"
    return ""


def _list_of_dicts(value: Sequence[Any], acceptable: Sequence[Any]) -> str:
    if not all(isinstance(given, Mapping) for given in value):
        return f"an item of {value!r} is no dict"
    for one in acceptable:
        if len(one) == len(value) and not any(
            _dict(given, [wanted]) for given, wanted in zip(value, one, strict=True)
        ):
            return ""
    return _not_in(value, acceptable)


def _standard(value: Any, *, deep: bool = True) -> Any:
    """Text, or the texts of a list, without spaces, punctuation and case."""
    if isinstance(value, str):
        return _IGNORED.sub("", value).casefold().replace("'", '"')
    if deep and isinstance(value, list):
        return [_standard(item, deep=False) for item in value]
    return value


def _not_in(value: Any, acceptable: Sequence[Any]) -> str:
    return f"{value!r} is none of {list(acceptable)!r}"
