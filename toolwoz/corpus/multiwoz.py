"""A corpus in any release layout of MultiWOZ, read from one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwoz.corpus.readers.dialogue import Dialogue
from toolwoz.corpus.readers.errors import CorpusError
from toolwoz.corpus.readers.files import CorpusFiles
from toolwoz.corpus.readers.original import has_original, read_original
from toolwoz.corpus.readers.schema_guided import has_schema_guided, read_schema_guided
from toolwoz.world.domains import DOMAINS, Row

SOURCE_FILE = "SOURCE.json"
"""File that fetch adds to the data: the source's name and the checksums of its files."""


@dataclass(frozen=True)
class Corpus:
    """A release of MultiWOZ, or a corpus in its format.

    Attributes:
        name: Name of the source it was fetched from, else of its folder.
        dialogues: The dialogues, each once, in the order of the files.
        databases: The rows per domain, as the files have them.
    """

    name: str
    dialogues: tuple[Dialogue, ...]
    databases: Mapping[str, Sequence[Row]]


def read_corpus(path: Path) -> Corpus:
    """Read the folder that fetch made, or any folder with a release's files, packed or not.

    Raises:
        CorpusError: no such folder, a file missing or damaged, an unknown layout, or a corrupt
            dialogue; the message says which.
    """
    files = CorpusFiles(path)
    databases = {domain: _rows(files, domain) for domain in DOMAINS}
    if has_schema_guided(files):
        dialogues = read_schema_guided(files)
    elif has_original(files):
        dialogues = read_original(files)
    else:
        raise CorpusError(
            f"{path} has no dialogues in a known layout: data.json, delex.json.tar.bz2, "
            "train.json.zip with val and test, or train/dialogues_001.json with dev and test"
        )
    return Corpus(_name(path), tuple(dialogues), databases)


def _rows(files: CorpusFiles, domain: str) -> Sequence[Row]:
    file = files.find(f"{domain}_db.json")
    if file is None:
        raise CorpusError(f"{files.folder} has no {domain}_db.json")
    rows: Any = file.parsed()
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise CorpusError(f"{file.origin}: {domain}_db.json is not a list of rows")
    return rows


def _name(path: Path) -> str:
    source = path / SOURCE_FILE
    if not source.is_file():
        return path.name
    try:
        return str(json.loads(source.read_text(encoding="utf-8"))["source"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CorpusError(f"{source} is damaged: {error!r}; remove it, or fetch again") from error


__all__ = ["SOURCE_FILE", "Corpus", "CorpusError", "Dialogue", "read_corpus"]
