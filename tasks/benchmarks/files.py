"""The benchmarks' data: public files at pinned commits, listed in ``files.tsv``.

A mirror folder, laid out as the paths in that list, is tried before the network.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from dialogue.files.download import PinnedFile, obtain

MIRROR = "TOOLWOZ_MIRROR"
"""Environment variable: folder with the files, tried before the network."""


def mirror_folder(named: Path | None = None) -> Path | None:
    """The named mirror, or that of the environment; None without one.

    Raises:
        ValueError: the folder does not exist.
    """
    mirror = named or (Path(os.environ[MIRROR]) if os.environ.get(MIRROR) else None)
    if mirror and not mirror.is_dir():
        raise ValueError(f"no mirror folder {mirror} (--mirror or {MIRROR})")
    return mirror


def fetch(name: str, folder: Path, mirror: Path | None) -> Path:
    """Fill the folder ``folder/name`` with the pinned files of that name; files there stay.

    Raises:
        dialogue.files.download.FetchError: a file cannot be downloaded, or is not the pinned one.
        ValueError: no file of that name is pinned.
    """
    pinned = [file for file in pins() if file.path.startswith(f"{name}/")]
    if not pinned:
        raise ValueError(f"files.tsv pins no file of {name}")
    for file in pinned:
        obtain(file, folder, mirror)
    return folder / name


def pins() -> Sequence[PinnedFile]:
    """Every pinned file."""
    text = files(__package__).joinpath("files.tsv").read_text(encoding="utf-8")
    return [
        PinnedFile(
            row["path"],
            row["path"],
            "https://raw.githubusercontent.com/"
            f"{row['repository']}/{row['commit']}/{quote(row['upstream'])}",
            sha256=row["sha256"],
        )
        for row in csv.DictReader(text.splitlines(), delimiter="\t")
    ]
