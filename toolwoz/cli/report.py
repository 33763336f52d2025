"""Report on the runs that evaluate left in folders; several are compared with the first.

Two runs compare by the dialogues they share. The report is one HTML file: figures with intervals,
charts, the reasons of failures, and every dialogue to browse and search.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="folder of a run")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="HTML to write (default: DIR/report.html of one run, comparison.html of several)",
    )


def run(args: argparse.Namespace) -> None:
    from toolwoz.report import REPORT, lines, read_policy_run, write_metrics, write_report

    arms = [
        read_policy_run(folder, name)
        for folder, name in zip(args.runs, _names(args.runs), strict=True)
    ]
    for folder, arm in zip(args.runs, arms, strict=True):
        write_metrics(folder, arm)
    out = args.out or (args.runs[0] / REPORT if len(arms) == 1 else Path("comparison.html"))
    write_report(out, arms)
    print(*lines(arms), f"browse it: {out}", sep="\n")


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, or their paths where names are not enough.

    Raises:
        ValueError: a folder is named twice.
    """
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise ValueError("the same folder twice; a run is not compared with itself")
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]
