"""One benchmark from a command line to its files: opened, played, summed up."""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import replace
from pathlib import Path

from tasks.benchmarks import open_benchmark
from tasks.benchmarks.files import MIRROR
from tasks.benchmarks.options import Helper, Options
from tasks.benchmarks.runner import choose, run
from tasks.benchmarks.scored_file import read_configuration
from tasks.benchmarks.summary import Metrics, summarise, write_metrics
from tasks.engines import EngineConfig

_SAMPLING = ("model", "temperature", "top_p", "max_tokens", "max_model_len", "dtype", "text_tools")


def options_of(args: argparse.Namespace, judge: Helper | None, simulator: Helper | None) -> Options:
    """What the arguments tell a benchmark.

    Raises:
        ValueError: there is no mirror folder of that name.
    """
    mirror = args.mirror or (Path(os.environ[MIRROR]) if os.environ.get(MIRROR) else None)
    if mirror and not mirror.is_dir():
        raise ValueError(f"no mirror folder {mirror} (--mirror or {MIRROR})")
    return Options(args.data, mirror, judge, simulator, args.trials, args.against, args.tokenizer)


def play(
    name: str, args: argparse.Namespace, options: Options, engine: EngineConfig, out: Path
) -> Metrics:
    """Score the model on a benchmark; the folder gets scored.jsonl, run.json and metrics.json.

    Raises:
        tasks.benchmarks.options.MissingError, toolwoz.download.FetchError: something is missing.
        tasks.engines.EngineError: the engine does not start.
        ValueError: nothing could be scored, or the folder holds another run.
    """
    benchmark = open_benchmark(name, options)
    items = choose(benchmark.items, args.limit, args.seed)
    config = replace(engine, max_tokens=benchmark.max_tokens)
    with benchmark.engine(config, log=out / "engine.log") as policy:
        results = asyncio.run(
            run(
                benchmark,
                items,
                policy,
                concurrency=args.concurrency,
                seed=args.seed,
                out=out,
                configuration={field: getattr(config, field) for field in _SAMPLING},
            )
        )
    metrics = summarise(benchmark, results)
    write_metrics(out, metrics, read_configuration(out))
    if not metrics.items:
        raise ValueError(f"nothing could be scored: {results[0].error}")
    return metrics
