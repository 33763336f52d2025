"""Score a model on a benchmark; the folder gets scored.jsonl, run.json and metrics.json.

    python -m tasks.benchmarks apibench-torchhub --model models/base --limit 20
    python -m tasks.benchmarks bfcl --model http://127.0.0.1:8000/v1 --text-tools

A run that stopped continues when the same command is given again; what has a score is not repeated.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tasks.benchmarks import BENCHMARKS, models, open_benchmark
from tasks.benchmarks.files import MIRROR
from tasks.benchmarks.options import Judge, Options
from tasks.benchmarks.runner import choose, run
from tasks.benchmarks.scored_file import read_configuration
from tasks.benchmarks.summary import lines, summarise, write_metrics
from tasks.engines import EngineConfig, EngineError
from toolwoz.download import FetchError

OUT = Path("reports/benchmarks")
DATA = Path("data/benchmarks")

# What a user can put right. Anything else is our bug, and keeps its traceback.
_USERS = (ValueError, OSError, FetchError, EngineError)
_SAMPLING = ("model", "temperature", "top_p", "max_tokens", "max_model_len", "dtype", "text_tools")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status: 0, 1 for a user's error, 130 when interrupted."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        out = args.out or OUT / args.benchmark / Path(args.name or args.model).name
        with models.open_judge(args, out / "judge.log") as judge:
            _run(args, judge, out)
    except KeyboardInterrupt:
        print("\nstopped; the same command continues", file=sys.stderr)
        return 130
    except _USERS as error:
        print(f"tasks.benchmarks {args.benchmark}: {error}", file=sys.stderr)
        return 1
    return 0


def _run(args: argparse.Namespace, judge: Judge | None, out: Path) -> None:
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"--limit must be 1 or more, not {args.limit}")
    options = Options(args.data, _mirror(args.mirror), judge, args.trials, args.against)
    benchmark = open_benchmark(args.benchmark, options)
    items = choose(benchmark.items, args.limit, args.seed)
    config = models.engine_of(args, benchmark.max_tokens)
    with benchmark.engine(config, log=out / "engine.log") as policy:
        results = asyncio.run(
            run(
                benchmark,
                items,
                policy,
                concurrency=args.concurrency,
                seed=args.seed,
                out=out,
                configuration=_configuration(config),
            )
        )
    metrics = summarise(benchmark, results)
    write_metrics(out, metrics, read_configuration(out))
    print(*lines(metrics), f"every answer: {out}", sep="\n")
    if not metrics.items:
        raise ValueError(f"nothing could be scored: {results[0].error}")


def _configuration(config: EngineConfig) -> dict[str, object]:
    return {name: getattr(config, name) for name in _SAMPLING}


def _mirror(named: Path | None) -> Path | None:
    mirror = named or (Path(os.environ[MIRROR]) if os.environ.get(MIRROR) else None)
    if mirror and not mirror.is_dir():
        raise ValueError(f"no mirror folder {mirror} (--mirror or {MIRROR})")
    return mirror


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", choices=sorted(BENCHMARKS), metavar="NAME", help=_names())
    models.configure(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="a random sample of N items")
    parser.add_argument("--seed", type=int, default=0, help="of the sample and of sampling")
    parser.add_argument("--trials", type=int, default=1, metavar="K", help="dialogues a scenario")
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="run whose answers are judged beside these"
    )
    parser.add_argument("--concurrency", type=int, default=32, metavar="N", help="items at a time")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"default: {OUT}/NAME/MODEL")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="where data is kept")
    parser.add_argument("--mirror", type=Path, metavar="DIR", help=f"tried first; or ${MIRROR}")
    return parser


def _names() -> str:
    return "one of " + ", ".join(sorted(BENCHMARKS))


if __name__ == "__main__":
    sys.exit(main())
