"""Turn a corpus into scenarios, databases and tools, each scenario proven to be winnable.

Mode v2 is the benchmark without the published bugs. Mode parity reproduces the published benchmark,
bug for bug, so that scores compare with the paper's.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolwoz.cli.folders import RAW, folder_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "corpus", nargs="?", type=Path, default=RAW, help="folder that fetch filled"
    )
    parser.add_argument("--mode", choices=("v2", "parity"), default="v2", help="which benchmark")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"folder to write (default: {folder_of('v2')}, or {folder_of('parity')})",
    )


def run(args: argparse.Namespace) -> None:
    from toolwoz.conversion.conversion import convert
    from toolwoz.conversion.dataset import save
    from toolwoz.conversion.schemas import goal_table, scenario_table
    from toolwoz.corpus.multiwoz import read_corpus

    conversion = convert(read_corpus(args.corpus), args.mode)
    scenario_table(conversion.scenarios)
    goal_table(conversion.scenarios)
    out = args.out or folder_of(args.mode)
    print(describe(save(conversion, out)))
    print(f"written to {out}")


def describe(report: Mapping[str, Any]) -> str:
    """The content of ``conversion.json`` as text."""
    lines = [f"mode {report['mode']}"]
    for split in ("train", "val", "test"):
        if split in report["scenarios"]:
            count, goals = report["scenarios"][split], report["goals"][split]
            lines.append(f"  {split:5} {count:6,} scenarios {goals:7,} goal calls")
    for reason, ids in report["dropped"].items():
        shown = f" ({', '.join(ids)})" if len(ids) <= 5 else ""
        lines.append(f"  dropped {len(ids):,}: {reason}{shown}")
    return "\n".join(lines)
