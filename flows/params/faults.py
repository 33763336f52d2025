"""Faults that pydantic finds in a document, in words that name each key in full."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints


def describe(fault: Any, configs: Mapping[str, type[Any]]) -> str:
    """One of a ``ValidationError``'s faults in the dataclasses of some sections."""
    name, config = _place(fault["loc"], configs)
    match fault["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = [field.name for field in dataclasses.fields(config)] if config else configs
            return f"unknown key {name}; known: {', '.join(known)}"
        case "value_error":
            return f"{name}: {fault['ctx']['error']}"
        case "union_tag_not_found":
            return f"{name}.{_unquoted(fault, 'discriminator')} is missing"
        case "union_tag_invalid":
            tag = f"{name}.{_unquoted(fault, 'discriminator')} = {fault['ctx']['tag']!r}"
            return f"{tag}: input should be one of {fault['ctx']['expected_tags']}"
    return f"{name} = {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _unquoted(fault: Any, key: str) -> str:
    return str(fault["ctx"][key]).strip("'")


def _place(
    location: Sequence[str | int], configs: Mapping[str, type[Any]]
) -> tuple[str, type[Any] | None]:
    """The full key of a fault, and the dataclass that the key's last part belongs to."""
    names: list[str] = []
    at: Any = configs
    config = None
    for part in location:
        if kinds := _kinds(at):  # a part that is no key: it says which of the dataclasses it is
            at = kinds[str(part)]
            continue
        names.append(str(part))
        if dataclasses.is_dataclass(at):
            config, at = cast(type[Any], at), get_type_hints(at, include_extras=True).get(str(part))
        elif at is configs:
            at = configs.get(str(part))
        else:  # a key or an index
            at = next((inner for inner in reversed(get_args(at)) if inner is not ...), None)
        at = _bare(at)
    return ".".join(names), config


def _bare(annotation: Any) -> Any:
    """An annotation without None and without validators."""
    if _kinds(annotation):
        return annotation
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return _bare(get_args(annotation)[0])
    return annotation


def _kinds(annotation: Any) -> Mapping[str, Any]:
    """Of a union of dataclasses that a field tells apart: the field's value -> dataclass."""
    union, *marks = get_args(annotation) if get_origin(annotation) is Annotated else (None,)
    field = next((mark.discriminator for mark in marks if hasattr(mark, "discriminator")), None)
    return {
        tag: one for one in get_args(union) if field for tag in get_args(get_type_hints(one)[field])
    }
