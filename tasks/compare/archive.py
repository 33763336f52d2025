"""Archive of the results of a run that a comparison reads, which MLflow keeps with the run."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dialogue.files import tar_files
from tasks.benchmarks.scores.scored_file import RUN, SCORED
from toolwoz.evaluation.runs.results_file import NAME
from toolwoz.world.scenario import SCENARIOS

ARCHIVE: Final = "results.tar.gz"
READ: Final = frozenset({NAME, SCENARIOS, SCORED, RUN})
"""Names of the files that a comparison reads."""


def pack(folders: Mapping[str, Path], archive: Path) -> Path:
    """Write the results below these folders into an archive, each folder under its name.

    A missing folder has no results. No name may be a folder inside another name.
    """
    with tarfile.open(archive, "w:gz") as file:
        for name, folder in folders.items():
            for path in sorted(folder.rglob("*")):
                if path.name in READ:
                    file.add(path, Path(name) / path.relative_to(folder))
    return archive


def unpack(archive: Path, folder: Path) -> None:
    """Extract the results into a folder.

    Raises:
        ValueError: the file is no such archive, has members that are no plain files of the folder,
            or unpacks to too much (:func:`dialogue.files.tar_files`).
    """
    try:
        with gzip.open(archive) as stream:
            for name, content in tar_files(stream.read):
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{archive} holds no results: {error}") from error
