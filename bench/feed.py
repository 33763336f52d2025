"""Calls a second that this side of an engine can feed: ``python -m bench.feed``.

Plays dialogues of made-up words, with tool calls and answers, against engines in process that
compute nothing: one answers at once, the others sleep to generate 5,000, 20,000 and 50,000 tokens a
second. Each engine is measured twice: with every prompt tokenized whole, and with cached pieces.
Prints JSON. Rates are per second of processor time, as other work on the machine slows the clock;
the share of an engine's tokens is given by both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.engine import MODEL, Words
from dialogue.protocols import Message, Policy, Tool
from services.engines import EngineConfig
from services.engines.local import LocalPolicy
from services.engines.loop import EngineLoop, Sample
from tasks.bootstrap.embedded import build_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TURNS = 14
CONFIG = EngineConfig("vllm", model="ideal", max_tokens=512, max_model_len=16384)


class Ideal:
    """An engine that generates `rate` tokens a second, whatever it is asked; 0: at once."""

    def __init__(self, answer: Sequence[int], rate: float) -> None:
        self._sample = Sample(answer)
        self._seconds = len(answer) / rate if rate else 0.0
        self._due: deque[tuple[float, int]] = deque()
        self._free = 0.0

    def add(self, key: int, prompt: Sequence[int], seed: int, *rest: str) -> None:
        del prompt, seed, rest  # the answer is given
        self._free = max(self._free, time.perf_counter()) + self._seconds
        self._due.append((self._free, key))

    def abort(self, key: int) -> None:
        self._due = deque(one for one in self._due if one[1] != key)

    def step(self) -> Mapping[int, Sample]:
        if (wait := self._due[0][0] - time.perf_counter()) > 0:
            time.sleep(wait)
        now, done = time.perf_counter(), {}
        while self._due and self._due[0][0] <= now:
            done[self._due.popleft()[1]] = self._sample
        return done

    def close(self) -> None: ...


def tools_of(words: Words) -> list[Tool]:
    """Twelve tools of six arguments."""
    return [
        {
            "type": "function",
            "function": {
                "name": f"search_{number}",
                "description": words(15),
                "parameters": {
                    "type": "object",
                    "properties": {
                        f"argument_{i}": {"type": "string", "description": words(6)}
                        for i in range(6)
                    },
                },
            },
        }
        for number in range(12)
    ]


def script(seed: int) -> Sequence[tuple[str, str, str]]:
    """Turns of a dialogue: what the user says, what the tool finds, and the model's speech."""
    words = Words(seed)
    return [
        (words(20), json.dumps({"results": [{"name": words(3), "area": words(1)}] * 3}), words(20))
        for _ in range(TURNS)
    ]


async def dialogue(
    policy: Policy, system: Message, tools: Sequence[Tool], turns: Sequence[tuple[str, str, str]]
) -> tuple[int, int, int]:
    """Calls, prompt tokens and tokens generated in a dialogue; each turn is two calls."""
    messages: list[Message] = [system]
    calls = prompt = generated = 0
    for said, found, speech in turns:
        messages.append({"role": "user", "content": said})
        for _ in range(2):  # a tool call, then speech
            completion = await policy(messages, tools, seed=calls)
            if completion is None:
                raise ValueError("the context is full")
            calls, prompt = calls + 1, prompt + completion.prompt_tokens
            generated += completion.completion_tokens
            if messages[-1]["role"] == "user":
                call = completion.message["tool_calls"][0]
                answer = {"role": "tool", "tool_call_id": call["id"], "content": found}
                messages += [completion.message, answer]
            else:
                messages.append({"role": "assistant", "content": speech})
    return calls, prompt, generated


def play(
    tokenizer: PreTrainedTokenizerFast, rate: float, dialogues: int, *, whole: bool
) -> dict[str, float]:
    """Many dialogues at once against one engine."""
    said = '<tool_call>{"name": "search_1", "arguments": {"argument_1": "%s"}}</tool_call><|end|>'
    answer = tokenizer(said % Words(1)(12), add_special_tokens=False).input_ids
    tools = tools_of(Words(2))
    system = {"role": "system", "content": Words(3)(600)}
    scripts = [script(9 + number) for number in range(dialogues)]

    async def all_of_them(policy: Policy) -> list[tuple[int, int, int]]:
        return await asyncio.gather(*(dialogue(policy, system, tools, one) for one in scripts))

    with EngineLoop(lambda: Ideal(answer, rate)) as loop:
        policy = LocalPolicy(loop, tokenizer, CONFIG)
        if whole:
            policy._tokens = None
        wall, cpu = time.perf_counter(), time.process_time()
        sums = asyncio.run(all_of_them(policy))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    calls, prompt, generated = (sum(column) for column in zip(*sums, strict=True))
    figures: dict[str, float] = {
        "mean_prompt": round(prompt / calls),
        "mean_answer": round(generated / calls),
        "calls_per_cpu_s": round(calls / cpu),
        "tokens_per_cpu_s": round(generated / cpu),
        "tokens_per_s": round(generated / wall),
    }
    if rate:
        figures["share"] = round(generated / wall / rate, 3)
        figures["share_by_cpu"] = min(1.0, round(generated / cpu / rate, 3))
    return figures


def measure(options: argparse.Namespace) -> dict[str, Any]:
    words = Words(0)
    tokenizer = build_tokenizer((words(10) for _ in range(5000)), MODEL)
    if options.template:
        tokenizer.chat_template = options.template.read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    for rate in options.rates:
        whole, by_pieces = (
            play(tokenizer, rate, options.dialogues, whole=whole) for whole in (True, False)
        )
        times = round(by_pieces["calls_per_cpu_s"] / whole["calls_per_cpu_s"], 1)
        found[f"{rate:g}" if rate else "at once"] = {
            "whole": whole, "pieces": by_pieces, "times": times,
        }  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[0, 5e3, 2e4, 5e4])
    parser.add_argument("--dialogues", type=int, default=64)
    parser.add_argument("--template", type=Path, help="a chat template in place of the embedded")
    print(json.dumps(measure(parser.parse_args()), indent=2))


if __name__ == "__main__":
    main()
