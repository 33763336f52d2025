"""A tree as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dialogue.strict_json import compact_json
from josh.tree.node import Node
from josh.tree.tree import Tree

SCHEMA_VERSION = 2


def to_json(tree: Tree) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": tree.scenario,
        "goals": sorted(tree.goals),
        "tools": list(tree.tools),
        "messages": list(tree.messages),
        "nodes": [node.to_json() for node in tree.nodes],
        "golden_leaf": tree.golden_leaf,
        "error": tree.error,
    }


def from_json(data: Mapping[str, Any]) -> Tree:
    """The inverse of :func:`to_json`.

    Raises:
        ValueError: the record was written with another schema version, or lacks a field.
    """
    name, version = data.get("scenario", "?"), data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"tree {name}: schema version {version!r}, this josh reads {SCHEMA_VERSION}; "
            "harvest again"
        )
    try:
        return Tree(
            scenario=data["scenario"],
            goals=frozenset(data["goals"]),
            tools=tuple(data["tools"]),
            messages=tuple(data["messages"]),
            nodes=tuple(Node.from_json(node) for node in data["nodes"]),
            golden_leaf=data["golden_leaf"],
            error=data["error"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"tree {name}: {error!r} in its record") from error


def to_bytes(tree: Tree) -> bytes:
    """One line of JSON, the same bytes for equal trees.

    Keys keep their order: a chat template renders tool schemas in it.
    """
    return compact_json(to_json(tree))
