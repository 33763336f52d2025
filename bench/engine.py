"""Speed of an engine that plays many dialogues at once, with a random model of embedded shape.

    python -m bench.engine
    python -m bench.engine --variant dtype=bfloat16 --variant backend=transformers --rounds 3

Dialogues share a first part of about 250 tokens and grow by a user's 30 and a model's 30 tokens a
turn, so that the average prompt has about 500. Variants are measured in turn within one process,
round after round, because other work on the machine slows all of them. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from dialogue.protocols import Message, Policy
from services.engines import EngineConfig, open_engine
from tasks.bootstrap.embedded import EmbeddedConfig, build_model, build_tokenizer

MODEL = EmbeddedConfig(
    vocab_size=2048,
    hidden_size=256,
    intermediate_size=768,
    layers=4,
    heads=4,
    kv_heads=2,
    max_length=2048,
)
SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprstvw" for vowel in "aeiou"]


class Words:
    """Text of a made-up language of 900 words; a word is about two tokens."""

    def __init__(self, seed: int) -> None:
        fixed = random.Random(0)
        self._words = ["".join(fixed.choices(SYLLABLES, k=fixed.randint(1, 4))) for _ in range(900)]
        self._random = random.Random(seed)

    def __call__(self, count: int) -> str:
        return " ".join(self._random.choices(self._words, k=count))


def build(folder: Path) -> None:
    """Save the model and its tokenizer."""
    words = Words(0)
    tokenizer = build_tokenizer((words(10) for _ in range(5000)), MODEL)
    build_model(MODEL, tokenizer, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


async def play(policy: Policy, dialogues: int, turns: int, seed: int) -> dict[str, float]:
    """Play dialogues at once, each `turns` messages of the model long; sums over all requests."""
    prefix = Words(seed)(100)
    began, worked = time.perf_counter(), time.process_time()
    sums = await asyncio.gather(
        *(_dialogue(policy, prefix, turns, 1000 * seed + i) for i in range(dialogues))
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    prompt, cached, generated = (sum(column) for column in zip(*sums, strict=True))
    return {
        "dialogues": dialogues,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "requests_per_s": round(dialogues * turns / seconds, 1),
        "generated_per_s": round(generated / seconds),
        "prefilled_per_s": round((prompt - cached) / seconds),
        "mean_prompt": round(prompt / dialogues / turns),
        "cached_share": round(cached / prompt, 2),
    }


async def _dialogue(policy: Policy, prefix: str, turns: int, seed: int) -> tuple[int, int, int]:
    words = Words(seed)
    messages: list[Message] = [{"role": "system", "content": prefix}]
    prompt = cached = generated = 0
    for turn in range(turns):
        messages.append({"role": "user", "content": words(12)})
        completion = await policy(messages, [], seed=100 * seed + turn)
        if completion is None:
            raise ValueError("the context is full: fewer --turns, or a longer max_model_len")
        messages.append({"role": "assistant", "content": completion.message["content"]})
        prompt += completion.prompt_tokens
        cached += completion.cached_tokens or 0
        generated += completion.completion_tokens
    return prompt, cached, generated


def measure(
    base: EngineConfig, variants: Sequence[Mapping[str, Any]], arguments: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """One record a variant and round."""
    for number in range(arguments.rounds):
        for variant in variants:
            began = time.perf_counter()
            log = Path(base.model) / "engine.log"
            with open_engine(replace(base, **variant), log=log) as policy:
                started = time.perf_counter() - began
                asyncio.run(play(policy, 4, 1, seed=0))  # the first steps compile kernels
                runs = [
                    asyncio.run(play(policy, n, arguments.turns, seed=i + 1))
                    for i, n in enumerate(arguments.concurrency)
                ]
                leaving = time.perf_counter()
            yield {
                "variant": variant,
                "round": number,
                "start_s": round(started, 1),
                "close_s": round(time.perf_counter() - leaving, 1),
                "runs": runs,
            }


def variant(text: str) -> dict[str, Any]:
    """``a=1,b=x`` as settings of an :class:`EngineConfig`."""
    types = {field.name: field.type for field in fields(EngineConfig)}
    settings: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        name, equals, value = pair.partition("=")
        if not equals or name not in types:
            raise argparse.ArgumentTypeError(f"{pair!r} is no setting of EngineConfig")
        settings[name] = {"int": int, "float": float}.get(str(types[name]), str)(value)
    return settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", type=variant, action="append", help="a=1,b=x; may be repeated")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        base = EngineConfig("vllm", model=folder, max_tokens=30, dtype="float32")
        for record in measure(base, arguments.variant or [{}], arguments):
            json.dump(record, sys.stdout)
            print(flush=True)


if __name__ == "__main__":
    main()
