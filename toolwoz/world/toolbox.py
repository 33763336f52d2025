"""Validation of tool calls: arguments are parsed, spelled as in the database, checked by schema."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from jsonschema import Draft202012Validator

from dialogue.protocols import Tool
from toolwoz.world.calls import Call, CallError, check_scalar
from toolwoz.world.database import Database
from toolwoz.world.rules import Rules
from toolwoz.world.values import (
    FLAG_SLOTS,
    NUMBER_SLOTS,
    TIME_SLOTS,
    canonical,
    is_empty,
    is_time_of_day,
)

# Arguments come from a model, so the cache must be bounded.
_CACHE_SIZE: Final = 1 << 14
_LONGEST: Final = 200

Verdict = str | CallError


class Toolbox:
    """Validates calls against the tools' schemas.

    The schemas are flat objects, valid if and only if each property is. So jsonschema checks each
    (tool, parameter, value) once; after that, validation costs a few look-ups per call.
    """

    def __init__(self, tools: Sequence[Tool], database: Database, rules: Rules) -> None:
        self._rules = rules
        self._schemas = {t["function"]["name"]: t["function"]["parameters"] for t in tools}
        self._checks = {
            (name, slot): _value_check(name, slot, schema, database)
            for name, parameters in self._schemas.items()
            for slot, schema in parameters["properties"].items()
        }
        # typed: 1, 1.0 and True are one dictionary key.
        self._verdict = lru_cache(maxsize=_CACHE_SIZE, typed=True)(self._check)

    def accept(self, name: object, arguments: object) -> Call:
        """The accepted call.

        Args:
            name: The tool's name as the model wrote it.
            arguments: The JSON text the model wrote, or the object parsed from it.

        Raises:
            CallError: unknown tool or parameter, unreadable arguments, a value outside the schema,
                or (``v2`` bookings) a parameter left out.
        """
        schema = self._schemas.get(name) if isinstance(name, str) else None
        if schema is None:
            raise CallError(f"unknown tool {name!r}; the tools are {', '.join(self._schemas)}")
        assert isinstance(name, str)
        given = read_arguments(arguments)
        try:
            return Call(name, self._accepted(name, given, schema))
        except CallError as error:
            error.call = Call(name, given)
            raise

    def _accepted(
        self, name: str, given: Mapping[str, Any], schema: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        if not given.keys() <= schema["properties"].keys():
            raise CallError(_unknown_parameter(name, list(given), list(schema["properties"])))
        required = schema.get("required", [])
        return self._rules.accept(name, given, required, partial(self._spelled, name))

    def _spelled(self, name: str, slot: str, value: object) -> str:
        """The value in the database's spelling; "" for no constraint."""
        if isinstance(value, str) and len(value) > _LONGEST:
            raise CallError(f"{slot}: a value of {len(value)} characters is too long")
        check_scalar(slot, value)
        verdict = self._verdict(name, slot, value)
        if isinstance(verdict, str):
            return verdict
        raise CallError(*verdict.args)  # a new one: the traceback of a cached error would grow

    def _check(self, name: str, slot: str, value: object) -> Verdict:
        return "" if is_empty(value) else self._checks[name, slot](value)


def read_arguments(arguments: object) -> Mapping[str, Any]:
    """The arguments object; no arguments count as an empty object.

    Raises:
        CallError: the text is not JSON, or not an object.
    """
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError) as error:
            raise CallError(f"the arguments are not valid JSON: {error}") from None
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise CallError(f"the arguments must be a JSON object, not a {type(arguments).__name__}")
    return arguments


def _value_check(
    tool: str, slot: str, schema: Mapping[str, Any], database: Database
) -> Callable[[object], Verdict]:
    validator = Draft202012Validator(schema)
    allowed = {canonical(slot, value): value for value in schema.get("enum", ())}
    domain = tool.partition("_")[2]

    def check(value: object) -> Verdict:
        assert isinstance(value, str | int | float | bool)
        form = canonical(slot, value)
        if slot in TIME_SLOTS | NUMBER_SLOTS | FLAG_SLOTS:
            spelled = form
        else:
            spelled = allowed.get(form) or database.spelling(domain, slot, str(value)) or str(value)
        # The pattern of times has 29:59 too; it stands in every prompt, and so it stays.
        possible = slot not in TIME_SLOTS or is_time_of_day(spelled)
        if possible and next(validator.iter_errors(spelled), None) is None:
            return spelled
        return CallError(f"{slot}: {_explain(value, schema)}")

    return check


def _explain(value: object, schema: Mapping[str, Any]) -> str:
    wanted = (
        f"one of {', '.join(schema['enum'])}"
        if "enum" in schema
        else str(schema["description"]).rstrip(".").lower()
    )
    return f"{str(value)[:80]!r} is not accepted; wanted: {wanted}"


def _unknown_parameter(tool: str, given: list[str], slots: list[str]) -> str:
    unknown = next(slot for slot in given if slot not in slots)
    close = difflib.get_close_matches(unknown, slots, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    takes = f"it takes {', '.join(slots)}" if slots else "it takes none"
    return f"{tool} has no parameter {unknown[:80]!r}; {takes}{hint}"
