"""Score a model on a benchmark; the folder gets scored.jsonl, run.json and metrics.json.

    python -m tasks.benchmarks apibench-torchhub --model models/base --limit 20
    python -m tasks.benchmarks bfcl --model http://127.0.0.1:8000/v1 --text-tools
    python -m tasks.benchmarks all --model models/base --limit 20

A run that stopped continues when the same command is given again; what has a score is not repeated.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tasks.benchmarks import BENCHMARKS, models
from tasks.benchmarks.files import MIRROR
from tasks.benchmarks.options import Options
from tasks.benchmarks.single import options_of, play
from tasks.benchmarks.suite import play_all, table
from tasks.benchmarks.summary import lines
from tasks.engines import EngineConfig, EngineError
from toolwoz.download import FetchError

OUT = Path("reports/benchmarks")
DATA = Path("data/benchmarks")
ALL = "all"

# What a user can put right. Anything else is our bug, and keeps its traceback.
_USERS = (ValueError, OSError, FetchError, EngineError)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status: 0, 1 for a user's error, 130 when interrupted."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return _run(args)
    except KeyboardInterrupt:
        print("\nstopped; the same command continues", file=sys.stderr)
        return 130
    except _USERS as error:
        print(f"tasks.benchmarks {args.benchmark}: {error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"--limit must be 1 or more, not {args.limit}")
    engine = models.engine_of(args)
    out: Path = args.out or OUT / Path(engine.model).name / _below(args.benchmark)
    with (
        models.open_helper("judge", args, out) as judge,
        models.open_helper("simulator", args, out) as simulator,
    ):
        options = options_of(args, judge, simulator)
        return (_all if args.benchmark == ALL else _one)(args, options, engine, out)


def _one(args: argparse.Namespace, options: Options, engine: EngineConfig, out: Path) -> int:
    metrics = play(args.benchmark, args, options, engine, out)
    print(*lines(metrics), f"every answer: {out}", sep="\n")
    return 0


def _all(args: argparse.Namespace, options: Options, engine: EngineConfig, out: Path) -> int:
    rows = play_all(args, options, engine, out)
    print("", *table(rows), f"every answer: {out}", sep="\n")
    return int(any(row.failed for row in rows))


def _below(benchmark: str) -> str:
    return "" if benchmark == ALL else benchmark


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [ALL, *BENCHMARKS]
    parser.add_argument("benchmark", choices=names, metavar="NAME", help=", ".join(names))
    models.configure(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="a random sample of N items")
    parser.add_argument("--seed", type=int, default=0, help="of the sample and of sampling")
    parser.add_argument("--trials", type=int, default=1, metavar="K", help="dialogues a scenario")
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="run whose answers are judged beside these"
    )
    parser.add_argument("--concurrency", type=int, default=32, metavar="N", help="items at a time")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"default: {OUT}/MODEL/NAME")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="where data is kept")
    parser.add_argument("--mirror", type=Path, metavar="DIR", help=f"tried first; or ${MIRROR}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
