"""Which tool calls are accepted: read, spelled as the database does, checked by schema."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from jsonschema import Draft202012Validator

from dialogue.protocols import Tool
from toolwoz.world.calls import AcceptedCall, CallError, check_scalar
from toolwoz.world.database import Database
from toolwoz.world.rules import Rules
from toolwoz.world.values import FLAG_SLOTS, NUMBER_SLOTS, TIME_SLOTS, canonical, is_empty

# Arguments come from a model, so what is remembered of them must be bounded.
_REMEMBERED: Final = 1 << 14
_LONGEST: Final = 200

Verdict = str | CallError


class Toolbox:
    """Validates calls against the tools' schemas.

    The schemas are flat objects, valid if and only if each property is: so each (tool, parameter,
    value) is judged by jsonschema once and remembered, which makes validation cost a few dictionary
    look-ups a call.
    """

    def __init__(self, tools: Sequence[Tool], database: Database, rules: Rules) -> None:
        self._rules = rules
        self._schemas = {t["function"]["name"]: t["function"]["parameters"] for t in tools}
        self._judges = {
            (name, slot): _judge(name, slot, schema, database)
            for name, parameters in self._schemas.items()
            for slot, schema in parameters["properties"].items()
        }
        # typed: 1, 1.0 and True are one dictionary key.
        self._verdict = lru_cache(maxsize=_REMEMBERED, typed=True)(self._judge)

    def accept(self, name: object, arguments: object) -> AcceptedCall:
        """The call as the world understands it.

        Args:
            name: What the model called.
            arguments: The JSON text the model wrote, or the object already read from it.

        Raises:
            CallError: unknown tool or parameter, unreadable arguments, a value outside the schema,
                or (``v2`` bookings) a parameter left out.
        """
        schema = self._schemas.get(name) if isinstance(name, str) else None
        if schema is None:
            raise CallError(f"unknown tool {name!r}; the tools are {', '.join(self._schemas)}")
        assert isinstance(name, str)
        given = read_arguments(arguments)
        if not given.keys() <= schema["properties"].keys():
            raise CallError(_unknown_parameter(name, list(given), list(schema["properties"])))
        required = schema.get("required", [])
        return AcceptedCall(
            name, self._rules.accept(name, given, required, partial(self._spelled, name))
        )

    def _spelled(self, name: str, slot: str, value: object) -> str:
        """The value as the database spells it; "" for no constraint."""
        if isinstance(value, str) and len(value) > _LONGEST:
            raise CallError(f"{slot}: a value of {len(value)} characters is too long")
        check_scalar(slot, value)
        verdict = self._verdict(name, slot, value)
        if isinstance(verdict, str):
            return verdict
        raise CallError(*verdict.args)  # a fresh one: a remembered traceback would grow

    def _judge(self, name: str, slot: str, value: object) -> Verdict:
        return "" if is_empty(value) else self._judges[name, slot](value)


def read_arguments(arguments: object) -> Mapping[str, Any]:
    """The arguments object; nothing at all counts as an empty one.

    Raises:
        CallError: the text is no JSON, or no object.
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


def _judge(
    tool: str, slot: str, schema: Mapping[str, Any], database: Database
) -> Callable[[object], Verdict]:
    validator = Draft202012Validator(schema)
    allowed = {canonical(slot, value): value for value in schema.get("enum", ())}
    domain = tool.partition("_")[2]

    def judge(value: object) -> Verdict:
        assert isinstance(value, str | int | float | bool)
        form = canonical(slot, value)
        if slot in TIME_SLOTS | NUMBER_SLOTS | FLAG_SLOTS:
            spelled = form
        else:
            spelled = allowed.get(form) or database.spelling(domain, slot, str(value)) or str(value)
        error = next(validator.iter_errors(spelled), None)
        return spelled if error is None else CallError(f"{slot}: {_explain(value, schema)}")

    return judge


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
