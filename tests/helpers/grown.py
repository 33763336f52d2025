"""Trees grown from a script, and their rows read as moves of one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from josh.rows.extractors import Row
from josh.search.config import JoshConfig, SearchConfig
from josh.search.search import explore
from josh.tree.tree import Tree
from tests.helpers.fakes import FakeEpisode, Script


def grown(moves: Mapping[str, Sequence[str]], goals: str = "a", **options: Any) -> Tree:
    return played(moves, goals, JoshConfig(**options))


def played(moves: Mapping[str, Sequence[str]], goals: str, config: SearchConfig) -> Tree:
    return asyncio.run(explore("s", FakeEpisode(frozenset(goals)), Script(moves), config))


def text(message: Mapping[str, Any]) -> str:
    """A message as its move in a script."""
    if not message.get("tool_calls"):
        return str(message["content"])
    goals = (json.loads(c["function"]["arguments"])["goal"] for c in message["tool_calls"])
    return "+" + "".join(goals) if message["tool_calls"][0]["function"]["name"] == "reach" else "!"


def told(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Rows as (length of the prompt, text, label or advantage or rejected text)."""
    return [
        (
            len(row["prompt"]),
            text((row.get("completion") or row["chosen"])[0]),
            row.get("label", row.get("advantage", row.get("rejected", [None])[0])),
        )
        for row in rows
    ]


def said(row: Row) -> list[str]:
    return [text(message) for message in row["messages"] if message["role"] == "assistant"]


# 0 loses; 1 wins a; of its children 1.1 wins b. Prompts: 2 messages, then 6 with the user's reply.
MOVES = {"0": ["+x", "sorry"], "1": ["+a", "got a"], "1.0": ["hm"], "1.1": ["+b", "got b"]}
