"""The dress of tools in a prompt: their JSON schemas, or one line a tool.

Small models copy pieces of a schema, as ``additionalProperties``, into their calls; a line as
``search_hotel(area?: north|south, stars?: integer)`` has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_a_line(tool: Mapping[str, Any]) -> dict[str, Any]:
    """The tool with its parameters in its description, and without a schema.

    It stays an object in the OpenAI format, which every chat template and server takes.
    """
    function = tool["function"]
    schema = function.get("parameters") or {}
    required = schema.get("required", ())
    given = ", ".join(
        f"{name}{'' if name in required else '?'}: {_type(one)}"
        for name, one in schema.get("properties", {}).items()
    )
    line = f"{function['name']}({given})"
    described = f"{line}: {function['description']}" if function.get("description") else line
    return {
        "type": "function",
        "function": {"name": function["name"], "description": described, "parameters": {}},
    }


def _type(schema: Mapping[str, Any]) -> str:
    """What a value may be: one of a list, what a pattern matches, or its type."""
    if "enum" in schema:
        return "|".join(map(str, schema["enum"]))
    if "pattern" in schema:
        return f"/{schema['pattern']}/"
    kind = schema.get("type", "any")
    return kind if isinstance(kind, str) else "|".join(map(str, kind))
