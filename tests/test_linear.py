"""What a model, a user or a corpus writes is read in time that grows with its length alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from dialogue.endpoints.client import shown
from dialogue.endpoints.full_context import is_full
from dialogue.endpoints.wire import sendable
from dialogue.messages import spoken
from dialogue.tool_text import FunctionCall, assistant, parse
from tasks.benchmarks.suites.mt_bench import judge as mt_bench
from tasks.benchmarks.suites.toolalpaca import judge as toolalpaca
from toolwoz.agents import react
from toolwoz.conversion.goals import instructions
from toolwoz.evaluation.mentions import mentions
from toolwoz.users.hearing import hear
from toolwoz.world.values import canonical

READERS: dict[str, Callable[[str], object]] = {
    "tool calls": parse,
    "ReAct": react.parse,
    "thought": spoken,
    "a sent history": lambda text: sendable([assistant(text, [FunctionCall(text, text)])]),
    "an address": shown,
    "a full context": lambda text: is_full(400, text[:20_000]),
    "what an agent says": hear,
    "what is told of a slot": lambda text: hear(text).broken({"leaveAt": "10:00", "area": "north"}),
    "a mentioned time": lambda text: mentions("arriveBy", "10:00", text),
    "a mentioned name": lambda text: mentions("name", "city roomz", text),
    "a time": lambda text: canonical("arriveBy", text),
    "a number": lambda text: canonical("stars", text),
    "a name": lambda text: canonical("name", text),
    "a goal's text": lambda text: instructions({"message": [text]}),
    "a verdict on an answer": mt_bench.read_verdict,
    "a verdict on calls": toolalpaca.read_verdict,
}
PIECES = (
    *("*", "`", "#", " ", "\n", "*\n", "-*", "```json ", "PLAN", "PLAN ", "PLAN*", "SPEAK:\n"),
    *("APICALL", "APICALL ", "APICALL\n", "APICALL: ", "APICALL: [", 'APICALL: {"a": "'),
    *("<think>", "</think>", "<think></think>", "<tool_call>", "</tool_call>", "<tool_call>{"),
    *('<tool_call>{"name": "a"', '"name"', '"name" ', '"name": "', "[", "{", '{"a":', '"', "\\"),
    *(
        "<",
        "<a",
        "1",
        "1:",
        "10:30 ",
        "a",
        "a ",
        "Unsupported ",
        "max_tokens ",
        "?",
        ". ",
        "\ud800",
    ),
)


SHORT = 15_000
"""Characters; the long text has four times as many."""


def seconds(read: Callable[[str], object], text: str) -> float:
    """Processor time of a reading."""
    began = time.process_time()
    with suppress(ValueError):  # a fault by name is an answer too
        read(text)
    return time.process_time() - began


@pytest.mark.parametrize("kind", READERS)
def test_four_times_the_text_takes_no_sixteen_times_the_time(kind: str) -> None:
    read = READERS[kind]
    for piece in PIECES:
        short = piece * (SHORT // len(piece))
        long = short * 4
        if seconds(read, long) < 0.05:
            continue
        ratios = (seconds(read, long) / max(seconds(read, short + " "), 1e-6) for _ in range(3))
        assert min(ratios) < 9, f"{piece!r} repeated"
