"""The floor: random calls with arguments that fit the tools' schemas, and small talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from dialogue.protocols import Completion, Message, Tool
from toolwoz.agents import phrases
from toolwoz.agents.messages import call, speak


class RandomCalls:
    """A policy that guesses: after each utterance or tool answer it calls or speaks, evenly."""

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion:
        rng = Random(seed)
        if rng.random() < 0.5:
            return speak(phrases.greeting(rng))
        function = rng.choice(tools)["function"]
        parameters = function["parameters"]
        required = parameters.get("required", ())
        arguments = {
            slot: _value(schema, rng)
            for slot, schema in parameters["properties"].items()
            if slot in required or rng.random() < 0.5
        }
        return call(messages, function["name"], arguments)


def _value(schema: Mapping[str, Any], rng: Random) -> str:
    if "enum" in schema:
        return str(rng.choice(schema["enum"]))
    if ":" in schema.get("pattern", ""):
        return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}"
    return str(rng.randint(1, 8))
