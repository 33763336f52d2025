"""Fetch a corpus: the synthetic one, a pinned MultiWOZ release, or a folder of your own.

Files of a release are verified against pinned checksums; an interrupted
download continues. A mirror folder (--mirror or TOOLWOZ_MIRROR) is tried before the network.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from toolwoz.cli.folders import RAW
from toolwoz.corpus.sources import SOURCES, SYNTHETIC, SyntheticConfig, fetch

MIRROR_VARIABLE = "TOOLWOZ_MIRROR"


def configure(parser: argparse.ArgumentParser) -> None:
    sizes = SyntheticConfig()
    parser.add_argument(
        "source", nargs="?", default=SYNTHETIC, help=f"{', '.join(SOURCES)}, or a folder"
    )
    parser.add_argument("--out", type=Path, default=RAW, metavar="DIR", help="folder to write")
    parser.add_argument("--mirror", type=Path, metavar="DIR", help="mirror folder, tried first")
    group = parser.add_argument_group("the synthetic corpus")
    group.add_argument(
        "--seed", type=int, default=sizes.seed, help="seed of the city and dialogues"
    )
    for split in ("train", "val", "test"):
        group.add_argument(
            f"--{split}", type=int, default=getattr(sizes, split), metavar="N", help="dialogues"
        )


def run(args: argparse.Namespace) -> None:
    variable = os.environ.get(MIRROR_VARIABLE)
    mirror = args.mirror or (Path(variable) if variable else None)
    if mirror and not mirror.is_dir():
        raise ValueError(f"no mirror folder {mirror} (--mirror or {MIRROR_VARIABLE})")
    sizes = SyntheticConfig(args.seed, args.train, args.val, args.test)
    folder = fetch(args.source, args.out, mirror=mirror, synthetic=sizes)
    print(f"{args.source} is in {folder}; next: python -m toolwoz convert")
