"""Score a model on benchmarks.

    python -m tasks.benchmarks apibench-torchhub --model models/base --limit 20
    python -m tasks.benchmarks bfcl --model http://127.0.0.1:8000/v1 --text-tools
    python -m tasks.benchmarks bfcl toolalpaca gsm8k --model models/base --limit 20
    python -m tasks.benchmarks all --model models/base --limit 20

The output folder gets scored.jsonl, run.json and metrics.json. Several benchmarks share one engine,
have a folder each, and end in a table. The same command continues a stopped run; items that have a
score are not repeated.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from dialogue.errors import EngineError
from dialogue.files.download import FetchError
from dialogue.progress import any_terminal
from services import bars, telemetry
from services.engines import EngineConfig
from tasks.benchmarks import BENCHMARKS, models, open_benchmark
from tasks.benchmarks.files import MIRROR, mirror_folder
from tasks.benchmarks.helpers import open_helper
from tasks.benchmarks.options import Options
from tasks.benchmarks.runs.several import play_all, table
from tasks.benchmarks.runs.single import Plan, play
from tasks.benchmarks.runs.summary import lines

# Before a library that reads these variables is imported.
telemetry.switch_off()
bars.switch_off()

OUT = Path("reports/benchmarks")
DATA = Path("data/benchmarks")
ALL = "all"

# Errors that the user can correct. Any other is a bug and keeps its traceback.
_USER_ERRORS = (ValueError, OSError, FetchError, EngineError)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0, 1 for a user's error, 130 if interrupted."""
    any_terminal()
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return _run(args)
    except KeyboardInterrupt:
        print("\nstopped; the same command continues", file=sys.stderr)
        return 130
    except _USER_ERRORS as error:
        print(f"tasks.benchmarks {' '.join(args.benchmark)}: {error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    plan = Plan(args.limit, args.seed, args.concurrency, args.max_tokens)
    engine = models.engine_of(args)
    names = list(BENCHMARKS) if ALL in args.benchmark else args.benchmark
    several = ALL in args.benchmark or len(names) > 1
    out: Path = args.out or OUT / Path(engine.model).name / ("" if several else names[0])
    mirror = mirror_folder(args.mirror)
    with (
        open_helper("judge", models.helper_of("judge", args), out / "judge.log") as judge,
        open_helper("simulator", models.helper_of("simulator", args), out / "simulator.log") as sim,
    ):
        options = Options(args.data, mirror, judge, sim, args.trials, args.against, args.tokenizer)
        if several:
            return _several(names, plan, options, engine, out)
        return _one(names[0], plan, options, engine, out)


def _one(name: str, plan: Plan, options: Options, engine: EngineConfig, out: Path) -> int:
    metrics = play(open_benchmark(name, options), plan, engine, out)
    print(*lines(metrics), f"every answer: {out}", sep="\n")
    return 0


def _several(
    names: Sequence[str], plan: Plan, options: Options, engine: EngineConfig, out: Path
) -> int:
    rows = play_all(names, plan, options, engine, out)
    print("", *table(rows), f"every answer: {out}", sep="\n")
    return int(any(row.failed for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.benchmarks",
        usage="%(prog)s NAME [NAME ...] --model MODEL [options]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [ALL, *BENCHMARKS]
    parser.add_argument(
        "benchmark", nargs="+", choices=names, metavar="NAME", help=", ".join(names)
    )
    models.configure(parser)
    items = parser.add_argument_group("items").add_argument
    items("--limit", type=int, metavar="N", help="ask a random sample of N items (default: all)")
    items("--seed", type=int, default=0, help="seed of the sample and of sampling (default: 0)")
    items("--trials", type=int, default=1, metavar="K", help="dialogues per scenario (default: 1)")
    items(
        "--against", type=Path, metavar="DIR", help="other run of mt-bench-answers to compare with"
    )
    items("--concurrency", type=int, default=32, metavar="N", help="items at once (default: 32)")
    items(
        "--max-tokens",
        type=int,
        metavar="N",
        help="maximum tokens of a message (default: the benchmark's)",
    )
    folders = parser.add_argument_group("folders").add_argument
    folders("--out", type=Path, metavar="DIR", help=f"results (default: {OUT}/MODEL/NAME)")
    folders("--data", type=Path, default=DATA, metavar="DIR", help=f"data (default: {DATA})")
    folders(
        "--mirror",
        type=Path,
        metavar="DIR",
        help=f"copy of the data (default: ${MIRROR}, then none)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
