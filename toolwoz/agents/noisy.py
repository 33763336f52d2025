"""Another policy with mistakes of the kinds that models make, at a given rate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random

from dialogue.protocols import Completion, Message, Tool
from toolwoz.agents import phrases
from toolwoz.agents.messages import call, speak
from toolwoz.agents.perturbed import Perturbed

Arguments = Mapping[str, str]


class Noisy(Perturbed):
    """Spoils a share of another policy's tool calls."""

    WORD = "noise"

    def replace(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        name: str,
        arguments: str,
        rng: Random,
    ) -> Completion:
        """One of :data:`_MISTAKES`."""
        return rng.choice(_MISTAKES)(messages, tools, name, json.loads(arguments), rng)


Mistake = Callable[[Sequence[Message], Sequence[Tool], str, Arguments, Random], Completion]


def _forget_argument(
    messages: Sequence[Message], _tools: Sequence[Tool], name: str, given: Arguments, rng: Random
) -> Completion:
    lost = rng.choice(list(given)) if given else ""
    return call(messages, name, {slot: v for slot, v in given.items() if slot != lost})


def _confuse_values(
    messages: Sequence[Message], _tools: Sequence[Tool], name: str, given: Arguments, rng: Random
) -> Completion:
    """Every value where another belongs: what a model does that has not learned to copy."""
    values = list(given.values())
    shift = rng.randrange(1, max(2, len(values)))
    return call(messages, name, dict(zip(given, values[shift:] + values[:shift], strict=True)))


def _take_wrong_tool(
    messages: Sequence[Message], tools: Sequence[Tool], name: str, given: Arguments, rng: Random
) -> Completion:
    names = [tool["function"]["name"] for tool in tools]
    return call(messages, rng.choice([other for other in names if other != name]), given)


def _only_talk(
    _messages: Sequence[Message],
    _tools: Sequence[Tool],
    _name: str,
    _given: Arguments,
    rng: Random,
) -> Completion:
    return speak(phrases.greeting(rng))


_MISTAKES: tuple[Mistake, ...] = (_forget_argument, _confuse_values, _take_wrong_tool, _only_talk)
