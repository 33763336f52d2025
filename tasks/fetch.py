"""The raw corpus: made here, downloaded from pinned URLs, or taken from a mirror folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from toolwoz.corpus import sources
from toolwoz.corpus.multiwoz import SOURCE_FILE
from toolwoz.corpus.sources import SyntheticConfig

MIRROR = "TOOLWOZ_MIRROR"
"""Environment variable: a folder with the releases' files, tried before the network."""


@dataclass(frozen=True, slots=True)
class FetchConfig:
    """The section ``fetch``.

    Attributes:
        source: One of ``toolwoz.corpus.sources.SOURCES``, or the path of a folder with a release's
            files.
        synthetic: Size and seed of the synthetic corpus; other sources ignore it.
    """

    source: str
    synthetic: SyntheticConfig


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched corpus: the name of the source, the number of files, and their bytes."""

    source: str
    files: int
    bytes: int


def fetch_corpus(config: FetchConfig, out: Path) -> Fetched:
    """Fill `out` with the corpus.

    Raises:
        dialogue.files.download.FetchError: no such source, a file that cannot be downloaded, or a
            wrong checksum.
    """
    mirror = os.environ.get(MIRROR)
    sources.fetch(
        config.source,
        out,
        mirror=Path(mirror) if mirror else None,
        synthetic=config.synthetic,
    )
    files = json.loads((out / SOURCE_FILE).read_text(encoding="utf-8"))["files"]
    size = sum((out / name).stat().st_size for name in files)
    return Fetched(config.source, len(files), size)
