"""Drills: exercises on the tools' schemas alone: told some values, make the call that has them.

A small model that starts from nothing does not learn to copy from dialogues in the time a laptop
has: a dialogue holds few words that can only be copied. A drill holds little else, and half of
its values are words nobody has seen, so that there is nothing to memorise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from toolwoz.completion import Message, Tool

ONSETS = ("b", "br", "c", "ch", "d", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "sh",
          "st", "t", "th", "tr", "v", "w")  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ee", "oo", "ou")
CODAS = ("", "", "n", "l", "r", "s", "t", "m", "nd", "st", "ck", "y")


def drills(tools: Sequence[Tool], count: int, exchanges: int, seed: int) -> Iterator[list[Message]]:
    """``count`` dialogues of ``exchanges`` exercises each, on tools in the OpenAI format."""
    rng = Random(seed)
    for _ in range(count):
        yield [message for _ in range(exchanges) for message in _exercise(rng.choice(tools), rng)]


def _exercise(tool: Tool, rng: Random) -> tuple[Message, Message]:
    name = tool["function"]["name"]
    schemas = tool["function"]["parameters"]["properties"]
    chosen = [slot for slot in schemas if rng.random() < 0.6] or list(schemas)[:1]
    values = {slot: _value(slot, schemas[slot], rng) for slot in chosen}
    told = rng.sample(chosen, len(chosen))
    verb, _, domain = name.partition("_")
    request = f"{verb} {domain}: " + ", ".join(f"{slot} {values[slot]}" for slot in told)
    function = {"name": name, "arguments": json.dumps(values)}
    call = {"id": "call_0", "type": "function", "function": function}
    return (
        {"role": "user", "content": request},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    )


def _value(slot: str, schema: dict[str, Any], rng: Random) -> str:
    if slot in ("time", "leaveAt", "arriveBy"):
        return f"{rng.randrange(24):02}:{rng.randrange(60):02}"
    if slot == "trainID":
        return f"TR{rng.randrange(10_000):04}"
    if slot in ("people", "stay", "stars"):
        return str(rng.randrange(1, 9))
    known = schema.get("enum")
    if known and rng.random() < 0.5:
        return str(rng.choice(known))
    return " ".join(_word(rng) for _ in range(rng.choice((1, 1, 2, 2, 3))))


def _word(rng: Random) -> str:
    syllables = rng.choice((1, 2, 2, 3))
    return "".join(
        rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(syllables)
    )
