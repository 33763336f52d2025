"""Append-only records: JSON lines that survive their process, written by one process at a time.

A line is given to the operating system at once: a killed process loses nothing. It is on the disk
a few seconds later at most: that is what a power cut can lose. A last line without its newline was
being written when that happened; it is cut off when the record is next opened.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from dialogue.files import replacing
from dialogue.strict_json import compact_json, dumps

SYNC_EVERY = 5.0
"""Seconds after which a line is on the disk, not only with the operating system."""
Take = Callable[[int, Any], object]
"""Called with a line's place in the file, in bytes, and its content."""


class RecordError(ValueError):
    """A record that cannot be read, or must not be continued; the message says what to do."""


def seal(record: Mapping[str, Any]) -> bytes:
    """A JSON line whose last field is the CRC-32 of what stands before it."""
    body = compact_json(record)[:-1]
    return b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def unseal(line: bytes) -> dict[str, Any] | None:
    """The record of a line, or None if it is torn or damaged."""
    body, comma, tail = line.rpartition(b',"crc":"')
    if not comma or tail != b'%08x"}\n' % zlib.crc32(body):
        return None
    record: dict[str, Any] = json.loads(body + b"}")
    return record


@dataclass(frozen=True, slots=True)
class Format:
    """What the lines of a kind of record look like.

    Attributes:
        mend: What to do about a damaged line.
        version: The schema version that the header names; None where a record has no header.
        sealed: Whether each line ends with a checksum of itself; a file that others read has none.
    """

    mend: str
    version: int | None = None
    sealed: bool = False

    def encode(self, content: Mapping[str, Any]) -> bytes:
        return seal(content) if self.sealed else dumps(content).encode() + b"\n"

    def decode(self, line: bytes) -> Any:
        """The content of a line.

        Raises:
            ValueError: it is damaged.
        """
        if not self.sealed:
            return json.loads(line)
        content = unseal(line)
        if content is None:
            raise ValueError("damaged")
        return content


class Found(NamedTuple):
    """What is in a file: the header's configuration, if any, and the bytes of its whole lines."""

    configuration: Mapping[str, Any] | None
    size: int


def read(path: Path, format: Format, take: Take) -> Found:
    """Give every whole line after the header to `take`; one that it refuses is damaged too.

    Raises:
        OSError: the file cannot be read.
        RecordError: a line is damaged, or the file has another header.
    """
    configuration, size = None, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            if number == 1 and format.version is not None:
                configuration = _configuration(path, format, line)
            else:
                _give(path, number, format, line, take, size)
            size += len(line)
    return Found(configuration, size)


def _configuration(path: Path, format: Format, line: bytes) -> Mapping[str, Any]:
    try:
        header = format.decode(line)
        version, configuration = header["schema_version"], header["configuration"]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{path}:1: no header; this is another file, or damaged") from error
    if version != format.version or not isinstance(configuration, dict):
        raise RecordError(
            f"{path}: schema version {version!r}, this program reads {format.version}"
        )
    return configuration


def _give(path: Path, number: int, format: Format, line: bytes, take: Take, place: int) -> None:
    try:
        take(place, format.decode(line))
    except (ValueError, KeyError, TypeError) as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise RecordError(f"{path}:{number}: {reason}; {format.mend}") from error


def refuse_changes(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse to continue what another configuration began.

    Raises:
        RecordError: they differ; the message names what changed.
    """
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if changed:
        changes = ", ".join(f"{key} was {old.get(key)!r}, is {new.get(key)!r}" for key in changed)
        raise RecordError(f"{path} belongs to another run ({changes}); choose another folder")


def _ignore(_place: int, _content: Any) -> None:
    pass


class Record:
    """A record open to be continued, for this process alone. Use it in a ``with`` block.

    Args:
        path: The file; made, with its folder, if need be.
        format: What its lines look like.
        configuration: What the lines depend on, as JSON; the header has it.
        take: Given every line that is there already, as by :func:`read`.
        sync_every: Seconds after which a line is on the disk.

    Raises:
        RecordError: another process has it open, or as :func:`read` and :func:`refuse_changes`.
    """

    def __init__(
        self,
        path: Path,
        format: Format,
        configuration: Mapping[str, Any] | None = None,
        take: Take = _ignore,
        *,
        sync_every: float = SYNC_EVERY,
    ) -> None:
        self.path = path
        self._format = format
        self._header = {
            "schema_version": format.version,
            "configuration": json.loads(dumps(configuration)),
        }
        self._sync_every, self._synced = sync_every, time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("a+b", buffering=0)
        try:
            self._open(take)
        except BaseException:  # Ctrl-C too: the lock must not outlive a failed start
            self._file.close()
            raise

    def _open(self, take: Take) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecordError(f"{self.path}: another process is writing it; wait for it") from error
        found = read(self.path, self._format, take)
        if found.configuration is not None:
            refuse_changes(self.path, found.configuration, self._header["configuration"])
        self._file.truncate(found.size)
        if not found.size and self._format.version is not None:
            self.append(self._header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def append(self, content: Mapping[str, Any]) -> None:
        """Write one line; when this returns, it outlives the process.

        Raises:
            OSError: the disk is full; the record is as it was.
        """
        line = self._format.encode(content)
        written = self._file.write(line)
        if written != len(line):
            self._file.truncate(os.fstat(self._file.fileno()).st_size - written)
            raise OSError(f"{self.path}: the disk took {written} of {len(line)} bytes; make room")
        if time.monotonic() - self._synced > self._sync_every:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def at(self, places: Iterable[int]) -> Iterator[Any]:
        """The content of the lines at some places.

        Raises:
            RecordError: the file has been changed since it was opened.
        """
        with self.path.open("rb") as file:
            for place in places:
                file.seek(place)
                try:
                    yield self._format.decode(file.readline())
                except ValueError as error:
                    raise RecordError(f"{self.path}: changed while in use; run again") from error

    def rewrite(self, contents: Iterable[Mapping[str, Any]]) -> None:
        """Put other lines in the place of all; nothing can be appended afterwards."""
        lines = [] if self._format.version is None else [self._header]
        with replacing(self.path) as part, part.open("wb") as file:
            file.writelines(map(self._format.encode, [*lines, *contents]))
