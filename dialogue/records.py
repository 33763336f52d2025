"""Append-only records: JSON lines that survive their process, written by one process at a time.

A line is given to the operating system at once: a killed process loses nothing. It is on the disk
a few seconds later at most: that is what a power cut can lose. A last line without its newline was
being written when that happened; it is cut off when the record is next opened. Each line has a
checksum, so that no changed content passes for what was written; a finished file has plain lines.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, NoReturn, Self

from dialogue.files import replacing
from dialogue.strict_json import compact_json, dumps

log = logging.getLogger(__name__)

SYNC_EVERY = 5.0
"""Seconds after which a line is on the disk, not only with the operating system."""
Take = Callable[[int, Any], object]
"""Called with a line's place in the file, in bytes, and its content."""


_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
_ANOTHER = "the file is of another kind, or damaged: delete it to start from nothing"


class RecordError(ValueError):
    """A record that cannot be read, or must not be continued; the message says what to do."""


def seal(record: Mapping[str, Any]) -> bytes:
    """A JSON line whose last field is the CRC-32 of what stands before it."""
    body = compact_json(record)[:-1]
    return b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def unseal(line: bytes) -> Any:
    """The content of a line, without its checksum; a finished file's lines have none.

    Raises:
        ValueError: it is torn or damaged.
    """
    body, comma, tail = line.rpartition(b',"crc":"')
    if comma and tail != b'%08x"}\n' % zlib.crc32(body):
        raise ValueError("damaged")
    return json.loads(body + b"}" if comma else line)


@dataclass(frozen=True, slots=True)
class Format:
    """What a kind of record is.

    Attributes:
        mend: What to do about a damaged line of a finished file.
        version: The schema version that the header names; None where a record has no header.
    """

    mend: str
    version: int | None = None


class Damage(NamedTuple):
    """A line that cannot be used: its place and size in bytes, and what is wrong with it."""

    place: int
    size: int
    error: RecordError


class Found(NamedTuple):
    """What is in a file.

    Attributes:
        configuration: The header's, if any.
        size: Bytes of the whole lines.
        lines: Number of lines that were taken.
    """

    configuration: Mapping[str, Any] | None
    size: int
    lines: int


def _refuse(damage: Damage) -> NoReturn:
    raise damage.error


def read(
    path: Path, format: Format, take: Take, drop: Callable[[Damage], object] = _refuse
) -> Found:
    """Give every whole line after the header to `take`; one that it refuses is damaged too.

    Args:
        path: The file.
        format: What kind of record it is.
        take: Given each line.
        drop: Given each damaged line; by default the first is an error.

    Raises:
        OSError: the file cannot be read.
        RecordError: a line is damaged, or the file has another header.
    """
    configuration, size, lines = None, 0, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            if number == 1 and format.version is not None:
                configuration = _configuration(path, format, line)
            elif line.strip():  # a damaged line was blanked
                if error := _taken(f"{path}:{number}", format, line, take, size):
                    drop(Damage(size, len(line), error))
                else:
                    lines += 1
            size += len(line)
    return Found(configuration, size, lines)


def _configuration(path: Path, format: Format, line: bytes) -> Mapping[str, Any]:
    try:
        header = unseal(line)
        version, configuration = header.pop("schema_version"), header.pop("configuration")
    except _DAMAGE as error:
        raise RecordError(f"{path}:1: no header; {_ANOTHER}") from error
    if version != format.version or not isinstance(configuration, dict) or header:
        raise RecordError(
            f"{path}:1: schema version {version!r}, this program reads {format.version}; {_ANOTHER}"
        )
    return configuration


def _taken(where: str, format: Format, line: bytes, take: Take, place: int) -> RecordError | None:
    """Give a line to `take`; returns what is wrong with it."""
    try:
        take(place, unseal(line))
    except _DAMAGE as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        return RecordError(f"{where}: {reason}; {format.mend}")
    return None


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

    A damaged line is dropped with a warning, as if it had not been written: what it held is played
    again. It is overwritten by blanks, so that a finished file is free of it.

    Args:
        path: The file; made, with its folder, if need be.
        format: What kind of record it is.
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
        dropped: list[Damage] = []
        found = read(self.path, self._format, take, dropped.append)
        if found.configuration is not None:
            refuse_changes(self.path, found.configuration, self._header["configuration"])
        elif dropped and not found.lines:
            raise RecordError(f"{dropped[0].error}: no line of it is sound; {_ANOTHER}")
        self._blank(dropped)
        self._file.truncate(found.size)
        if not found.size and self._format.version is not None:
            self.append(self._header)

    def _blank(self, dropped: Sequence[Damage]) -> None:
        """Overwrite damaged lines; killed in the middle, the rest is still damaged."""
        if not dropped:
            return
        log.warning(
            "%s (damaged lines: %d; they are dropped, and what they held is played again)",
            dropped[0].error,
            len(dropped),
        )
        with self.path.open("r+b") as file:  # in the other, opened to append, none can go back
            for damage in dropped:
                file.seek(damage.place)
                file.write(b" " * (damage.size - 1))

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
        line = seal(content)
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
                    yield unseal(file.readline())
                except ValueError as error:
                    raise RecordError(f"{self.path}: changed while in use; run again") from error

    def rewrite(self, contents: Iterable[Mapping[str, Any]]) -> None:
        """Put these lines, as others read them, in the place of all: the record is finished."""
        lines = [] if self._format.version is None else [self._header]
        with replacing(self.path) as part, part.open("wb") as file:
            file.writelines(dumps(line).encode() + b"\n" for line in [*lines, *contents])
