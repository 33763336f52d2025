"""Sources of a corpus: the synthetic one, a pinned public release, or a folder of your own."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from dialogue.bounds import Positive, Seed
from dialogue.files import replacing, write_whole
from dialogue.files.download import FetchError, obtain, sha256
from toolwoz.corpus.multiwoz import SOURCE_FILE
from toolwoz.corpus.releases import RELEASES
from toolwoz.corpus.synthetic import write_corpus

SYNTHETIC: Final = "synthetic"
SOURCES: Final = (SYNTHETIC, *RELEASES)
"""The names that :func:`fetch` knows; any other name is a path."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyntheticConfig:
    """The synthetic corpus.

    Attributes:
        seed: Seed of the city and its dialogues.
        train, val, test: Numbers of dialogues per split.
    """

    seed: Seed = 0
    train: Positive = 600
    val: Positive = 200
    test: Positive = 400


def fetch(
    source: str,
    out: Path,
    *,
    mirror: Path | None = None,
    synthetic: SyntheticConfig | None = None,
) -> Path:
    """Fill a folder with a corpus that :func:`toolwoz.corpus.multiwoz.read_corpus` reads.

    The folder keeps ``SOURCE.json``: the source's name and the SHA-256 of every file. Once all
    files are there, those of an earlier fetch of another source are removed; others stay.

    Args:
        source: One of :data:`SOURCES`, or the path of a folder with a release's files.
        out: The corpus folder; made if needed.
        mirror: A folder in the layout of :mod:`toolwoz.corpus.releases`, tried before the network.
        synthetic: The size and seed of the synthetic corpus.

    Returns:
        ``out``.

    Raises:
        FetchError: there is no such source, or a file is not available or has a wrong checksum.
    """
    if source not in SOURCES and not Path(source).is_dir():
        raise FetchError(
            f"no source {source!r}: it is neither a folder nor one of {', '.join(SOURCES)}"
        )
    out.mkdir(parents=True, exist_ok=True)
    if source == SYNTHETIC:
        paths = write_corpus(out, **asdict(synthetic or SyntheticConfig()))
    elif source in RELEASES:
        paths = [obtain(file, out, mirror) for file in RELEASES[source]]
    else:
        paths = _copy(Path(source), out)
    files = {path.relative_to(out).as_posix(): sha256(path) for path in paths}
    _remove_others(out, files)
    record = {"source": source, "files": files}
    write_whole(out / SOURCE_FILE, json.dumps(record, indent=1) + "\n")
    return out


def _copy(folder: Path, out: Path) -> list[Path]:
    if out.resolve().is_relative_to(folder.resolve()):
        raise FetchError(f"{out} lies inside the source {folder}; fetch into another folder")
    copied = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SOURCE_FILE):
        target = out / path.relative_to(folder)
        with replacing(target) as part:
            shutil.copyfile(path, part)
        copied.append(target)
    return copied


def _remove_others(out: Path, files: Mapping[str, str]) -> None:
    path = out / SOURCE_FILE
    if not path.is_file():
        return
    record = json.loads(path.read_text(encoding="utf-8"))
    for name in record["files"].keys() - files.keys():
        log.info("removing %s, fetched before from %s", name, record["source"])
        (out / name).unlink(missing_ok=True)
