"""The files of a corpus folder, including those inside its archives."""

from __future__ import annotations

import bz2
import gzip
import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from dialogue.files import read_bounded, require_few, tar_files
from toolwoz.corpus.readers.errors import CorpusError

_ARCHIVES = frozenset({".zip", ".gz", ".bz2"})
# A cut-off bz2 stream is a ValueError.
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError)


@dataclass(frozen=True)
class CorpusFile:
    """A file of the corpus.

    Attributes:
        path: Path relative to the corpus folder, or to the root of its archive.
        origin: Path of the file on disk, for error messages.
        read: Function that returns its content.
    """

    path: PurePosixPath
    origin: Path
    read: Callable[[], bytes]

    def text(self) -> str:
        """The content as UTF-8.

        Raises:
            CorpusError: the archive is damaged, or the text is not UTF-8.
        """
        try:
            return self.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise CorpusError(f"{self.origin}: {self.path.name} is not UTF-8: {error}") from error
        except _BROKEN as error:
            raise CorpusError(f"{self.origin} is damaged: {error}; fetch it again") from error

    def parsed(self) -> Any:
        """The content as JSON.

        Raises:
            CorpusError: the file is damaged or not JSON.
        """
        try:
            return json.loads(self.text())
        except (json.JSONDecodeError, RecursionError) as error:
            raise self._no_json(error) from error

    def records(self) -> Iterator[tuple[str, Any]]:
        """The items of a JSON object, one at a time: the largest corpora take 1 GB of memory.

        Raises:
            CorpusError: the file is damaged or not a JSON object.
        """
        try:
            yield from _object_items(self.text())
        except (json.JSONDecodeError, RecursionError) as error:
            raise self._no_json(error) from error

    def _no_json(self, error: Exception) -> CorpusError:
        return CorpusError(f"{self.origin}: {self.path.name} is not valid JSON: {error}")


class CorpusFiles:
    """The files of a corpus folder by name; plain files come before archived ones."""

    def __init__(self, folder: Path) -> None:
        """List the folder.

        Raises:
            CorpusError: there is no such folder, or an archive in it is damaged.
        """
        if not folder.is_dir():
            raise CorpusError(f"there is no corpus folder {folder}; run the fetch stage first")
        self.folder = folder
        disk = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".part"]
        plain = [p for p in disk if p.suffix not in _ARCHIVES]
        packed = [p for p in disk if p.suffix in _ARCHIVES]
        self.all: list[CorpusFile] = [
            CorpusFile(PurePosixPath(p.relative_to(folder).as_posix()), p, p.read_bytes)
            for p in plain
        ]
        for archive in packed:
            self.all.extend(_members(archive))

    def find(self, *names: str) -> CorpusFile | None:
        """The first file with the first of these names that any file has; else None."""
        for name in names:
            for file in self.all:
                if file.path.name == name:
                    return file
        return None

    def matching(self, pattern: str) -> list[CorpusFile]:
        """The files whose path matches the pattern from the right, in the order of their paths."""
        return sorted((f for f in self.all if f.path.match(pattern)), key=lambda f: f.path)


def _members(archive: Path) -> Iterator[CorpusFile]:
    inner = PurePosixPath(archive.stem)
    if archive.suffix == ".gz":
        yield CorpusFile(inner, archive, partial(_gzip_read, archive))
    elif archive.suffix == ".bz2":  # delex.json.tar.bz2: one member, named as the archive
        inner = inner.with_suffix("") if inner.suffix == ".tar" else inner
        yield CorpusFile(inner, archive, lambda: _only_member(archive))
    else:
        yield from _zip_members(archive)


def _zip_members(archive: Path) -> Iterator[CorpusFile]:
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [info.filename for info in opened.infolist() if not info.is_dir()]
        require_few(len(names))
    except _BROKEN as error:
        raise CorpusError(f"{archive} is damaged: {error}; fetch it again") from error
    for name in names:
        path = PurePosixPath(name)
        if "__MACOSX" not in path.parts:  # resource forks with the names of real files
            yield CorpusFile(path, archive, partial(_zip_read, archive, name))


def _zip_read(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as opened, opened.open(name) as stream:
        return read_bounded(stream.read)


def _gzip_read(archive: Path) -> bytes:
    with gzip.open(archive) as stream:
        return read_bounded(stream.read)


def _only_member(archive: Path) -> bytes:
    with bz2.open(archive) as stream:
        for _, content in tar_files(stream.read):
            return content
    raise tarfile.TarError("it holds no file")


def _object_items(text: str) -> Iterator[tuple[str, Any]]:
    decoder = json.JSONDecoder()
    at = _expect(text, _space(text, 0), "{")
    first = _space(text, at)
    if text[first : first + 1] == "}":
        return
    while True:
        key, at = decoder.raw_decode(text, _space(text, at))
        if not isinstance(key, str):
            raise json.JSONDecodeError("a key must be a string", text, at)
        at = _expect(text, _space(text, at), ":")
        value, at = decoder.raw_decode(text, _space(text, at))
        yield key, value
        at = _space(text, at)
        if text[at : at + 1] == "}":
            return
        at = _expect(text, at, ",")


def _space(text: str, at: int) -> int:
    while text[at : at + 1] in {" ", "\n", "\r", "\t"}:
        at += 1
    return at


def _expect(text: str, at: int, char: str) -> int:
    if text[at : at + 1] != char:
        raise json.JSONDecodeError(f"expected {char!r}", text, at)
    return at + 1
