"""Compare runs with the first of them, and write one HTML page.

    python -m tasks.compare reports/evaluation/r1/test/base reports/evaluation/r1/test/josh_sft

A run is a folder with an evaluation on ToolWOZ, runs of benchmarks, or both; or an MLflow run, by
id or name, with such artifacts: RUN, or RUN:FOLDER for a folder of its artifacts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import starmap
from pathlib import Path

from dialogue.progress import any_terminal
from services import bars, telemetry
from tasks.compare import page, source
from tasks.compare.differences import against_first, line

# Before a library that reads these variables is imported.
telemetry.switch_off()
bars.switch_off()

OUT = Path("reports/comparison.html")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0, or 1 for a user's error."""
    any_terminal()
    parser = argparse.ArgumentParser(
        prog="python -m tasks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="the baseline first")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help=f"default: {OUT}")
    args = parser.parse_args(arguments)
    try:
        runs = source.read(args.runs)
        compared = against_first(runs)
        for name, found in compared.items():
            if not any(one.items for one in found.values()):
                raise ValueError(f"{name} and {runs[0].name} have no scored item in common")
        page.write(args.out, runs)
    except (ValueError, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    for name, found in compared.items():
        print(f"{name} against {runs[0].name}", *starmap(line, found.items()), sep="\n  ")
    print(f"browse it: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
