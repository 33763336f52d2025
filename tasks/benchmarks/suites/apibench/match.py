"""APIBench's AST match (arXiv 2305.15334): the entry of the database that a call matches.

It follows the official scripts exactly, as published numbers depend on their quirks: if no sub-tree
of an answer has the function of an entry, the last sub-tree is used; arguments need only occur in
the text of the sub-tree; and the first of several matching entries counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import tree_sitter_python
from tree_sitter import Language, Node, Parser

Hub = Literal["torchhub", "huggingface", "tensorflowhub"]

# It tolerates errors, as many answers and some entries are no Python.
_PARSER: Final = Parser(Language(tree_sitter_python.language()))
_PUNCTUATION: Final = frozenset({"(", ")", ","})


class Entry(NamedTuple):
    """A call of the database: the function as written, and the checked arguments."""

    function: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Database:
    """The calls of a hub, in the order of its file.

    Attributes:
        hub: Name of the hub, which decides the checked arguments.
        entries: Entries; None for calls that the official scripts skip.
    """

    hub: Hub
    entries: Sequence[Entry | None]

    @classmethod
    def of(cls, hub: Hub, calls: Sequence[str]) -> Database:
        return cls(hub, [_entry(hub, call) for call in calls])

    def find(self, call: str) -> int | None:
        """The index of the first entry that a call matches; None if there is no such API."""
        subtrees = list(_subtrees(_parse(call)))
        last = _text(subtrees[-1])
        by_function: dict[str, str] = {}
        for node in subtrees:
            if node.children:
                by_function.setdefault(_text(node.children[0]), _text(node))
        for index, entry in enumerate(self.entries):
            if entry is None:
                continue
            candidate = by_function.get(entry.function, last)
            if all(argument in candidate for argument in entry.arguments):
                return index
        return None


def read_call(hub: Hub, answer: str) -> str | None:
    """The call in an answer, between "api_call" and "api_provider"; None if there is none.

    Without "api_call" the whole answer is the call, except for TorchHub.
    """
    before, *after = answer.split("api_call")
    if not after:
        return None if hub == "torchhub" else before
    output = after[0].split("api_provider")[0]
    start = output.find(":") if ":" in output else 0
    end = output.rindex(")") if ")" in output else -2
    return output[start + 2 : end + 1]


def _entry(hub: Hub, call: str) -> Entry | None:
    try:
        expression = _parse(call).children[0].children[0]
        if not expression.children:
            return None
        checked = tuple(_checked(hub, expression.children[1].children))
    except IndexError:  # not a call: the official scripts would stop here
        return None
    return Entry(_text(expression.children[0]), checked) if checked else None


def _checked(hub: Hub, arguments: Sequence[Node]) -> Iterator[str]:
    for node in arguments:
        text = _text(node)
        if hub == "torchhub":
            is_value = "repo_or_dir" in text or "model" in text
        elif hub == "tensorflowhub":
            is_value = "model=" in text or "model =" in text
        else:
            is_value = "=" in text
        if is_value:
            yield _text(node.children[2]).strip("'")
        elif hub != "torchhub" and text not in _PUNCTUATION:
            yield text.strip("'")


def _parse(call: str) -> Node:
    return _PARSER.parse(call.encode("utf-8", "replace")).root_node


def _subtrees(root: Node) -> Iterator[Node]:
    """Every node that has children, and the root; the last sibling first."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += [child for child in node.children if child.children]


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
