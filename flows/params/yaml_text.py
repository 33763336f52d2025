"""YAML as params.yaml may use it: keys of text, plain values, no aliases; a fault has its place."""

from __future__ import annotations

import math
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    MappingStartEvent,
    NodeEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

DEEPEST = 20
"""Sections, lists and brackets inside each other; the parser's own limit is Python's stack."""
LARGEST = 2**63
"""A whole number beyond it fits into no table."""
CONTROLS = {*map(chr, range(32)), "\x7f"} - {"\t", "\n", "\r"}


class UnreadableError(ValueError):
    """A text is not YAML, or more than plain YAML; the message is one line, with the mend.

    Attributes:
        line, column: Where, from 1.
    """

    def __init__(self, why: str, line: int, column: int) -> None:
        super().__init__(" ".join(why.split()))
        self.line = line + 1
        self.column = column + 1


def load(text: str, reader: YAML) -> Any:
    """What a text says, as `reader` makes it.

    Raises:
        UnreadableError: it cannot be read.
    """
    try:
        _require_plain(text)
        return reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _no_yaml(error.problem or error.context, mark.line, mark.column) from None
    except ReaderError as error:
        before = text[: error.position]
        column = len(before) - before.rfind("\n") - 1
        raise _no_yaml(f"character #x{error.character:04x}", before.count("\n"), column) from None
    except YAMLError as error:
        raise _no_yaml(str(error), 0, 0) from None


def _no_yaml(problem: str, line: int, column: int) -> UnreadableError:
    mend = 'mend it there; quote what holds a colon, as "http://127.0.0.1:8000/v1"'
    return UnreadableError(f"not YAML: {problem.splitlines()[0]}; {mend}", line, column)


def _require_plain(text: str) -> None:
    """Refuse what the loader would make something else of, or fall over."""
    yaml = YAML(typ="safe", pure=True)
    key_next: list[bool | None] = []  # of each open collection; None in a list
    for event in yaml.parse(text):
        if isinstance(event, CollectionEndEvent):
            key_next.pop()
        if not isinstance(event, NodeEvent):
            continue
        why = _fault(event, yaml, is_key=bool(key_next and key_next[-1]))
        if key_next and key_next[-1] is not None:
            key_next[-1] = not key_next[-1]
        if isinstance(event, CollectionStartEvent):
            key_next.append(True if isinstance(event, MappingStartEvent) else None)
            if len(key_next) > DEEPEST:
                why = f"nested more than {DEEPEST} deep: close the brackets"
        if why:
            raise UnreadableError(why, event.start_mark.line, event.start_mark.column)


def _fault(event: NodeEvent, yaml: YAML, *, is_key: bool) -> str:
    """What is wrong with one value or key; nothing, if it is plain."""
    if event.anchor is not None:
        return f"{event.anchor} is an anchor or an alias: write out what it stands for"
    if (tag := getattr(event, "tag", None)) is not None:
        return f"{tag} is a tag: write the value alone"
    if isinstance(event, CollectionStartEvent):
        return "a key must be text, not a list or a section" if is_key else ""
    return _fault_of_scalar(event, yaml, is_key)


def _fault_of_scalar(event: Any, yaml: YAML, is_key: bool) -> str:
    tag = yaml.resolver.resolve(ScalarNode, event.value, event.implicit)
    said = event.value[:40]
    try:
        value = yaml.constructor.construct_object(ScalarNode(tag, event.value))
        str(value).encode()
    except (ValueError, YAMLError):
        return f"{said!a} is neither text nor a number: quote it if it is text"
    if is_key and not isinstance(value, str):
        return f"the key {said!a} must be text: quote it"
    if not isinstance(value, str | int | float | None):
        return f"{said!a} is a date: quote it if it is text"
    if isinstance(value, int | float) and not (math.isfinite(value) and abs(value) < LARGEST):
        return f"{said!a} is no number that can be used"
    if isinstance(value, str) and CONTROLS & set(value):
        return f"{said!a} has a control character in it: take it out"
    return ""
