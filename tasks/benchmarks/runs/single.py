"""A run of one benchmark by a plan: play the items, compute the metrics, write the files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from services.engines import EngineConfig
from tasks.benchmarks.runs.runner import choose, run
from tasks.benchmarks.runs.summary import Metrics, summarise, write_metrics
from tasks.benchmarks.scores.scored_file import read_configuration
from tasks.benchmarks.shape import Benchmark

_SAMPLING = ("model", "temperature", "top_p", "max_tokens", "max_model_len", "dtype", "text_tools")
_FORMAT = (
    "tool_parser",
    "reasoning_parser",
    "structured",
    "tools",
    "chat_template_kwargs",
    "tokenizer",
)
"""Settings that a run's configuration names where they differ from the default."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The choice of items of a benchmark, and limits of the run.

    Attributes:
        limit: Number of items, a random sample that depends on the seed only; None for all.
        seed: Seed of the sample and of sampling.
        concurrency: Number of items in progress at once; in effect, the engine's batch.
        max_tokens: Maximum number of tokens of one message, if the benchmark allows more; None for
            the benchmark's own. A longer message is cut there and scored as it is.
    """

    limit: int | None = None
    seed: int = 0
    concurrency: int = 32
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("limit", "concurrency", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}")


def play(benchmark: Benchmark, plan: Plan, engine: EngineConfig, out: Path) -> Metrics:
    """Score the model on a benchmark; the folder gets scored.jsonl, run.json and metrics.json.

    Raises:
        EngineError: the engine does not start.
        ValueError: no item could be scored, or the folder has another run.
    """
    items = choose(benchmark.items, plan.limit, plan.seed)
    longest = min(benchmark.max_tokens, plan.max_tokens or benchmark.max_tokens)
    config = replace(engine, max_tokens=longest)
    with benchmark.engine(config, log=out / "engine.log") as policy:
        results = asyncio.run(
            run(
                benchmark,
                items,
                policy,
                concurrency=plan.concurrency,
                seed=plan.seed,
                out=out,
                configuration=_configuration(config),
            )
        )
    metrics = summarise(benchmark, results)
    write_metrics(out, metrics, read_configuration(out))
    if not metrics.items:
        raise ValueError(f"nothing could be scored: {results[0].error}")
    return metrics


def _configuration(config: EngineConfig) -> dict[str, Any]:
    plain = EngineConfig(config.backend)
    formats = [name for name in _FORMAT if getattr(config, name) != getattr(plain, name)]
    return {name: getattr(config, name) for name in (*_SAMPLING, *formats)}
