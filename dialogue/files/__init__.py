"""Files that appear whole or not at all, and are then on the disk; packed ones, read bounded."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from secrets import token_hex

_BLOCK = 1 << 20
MAX_UNPACKED = 2 << 30
"""Maximum number of bytes of one unpacked file, or of all files of a tar archive."""
MAX_MEMBERS = 10_000
"""Maximum number of files and folders in an archive."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new name in the same folder, whose file takes the place of `path` when the block ends.

    It is then on the disk, through a power cut too. The folder is made if need be. After an
    exception `path` is as it was, and nothing is left of the new file; a killed process may leave
    ``.NAME.XXXXXXXX.part``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        yield part
        _sync(part)
        part.replace(path)
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file, text in UTF-8, whole or not at all; returns its path.

    The folder is made if need be.
    """
    with replacing(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sync(folder: Path) -> None:
    """Put a folder with all that is in it, and its name, on the disk."""
    for path in (*folder.rglob("*"), folder, folder.parent):
        _sync(path)


def read_bounded(read: Callable[[int], bytes]) -> bytes:
    """All that `read` gives: a few kilobytes may unpack to more than the memory holds.

    Raises:
        ValueError: it is more than :data:`MAX_UNPACKED`; only a block more than that was read.
    """
    parts, size = [], 0
    while part := read(_BLOCK):
        size += len(part)
        if size > MAX_UNPACKED:
            raise ValueError(f"a file in it unpacks to more than {MAX_UNPACKED:,} bytes")
        parts.append(part)
    return b"".join(parts)


def tar_files(read: Callable[[int], bytes]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a tar archive; `read` is of its unpacked content.

    Raises:
        ValueError: the archive is larger than :data:`MAX_UNPACKED`, has more members than
            :data:`MAX_MEMBERS`, or one of them is no plain file (a link, a device, a sparse file,
            which is larger than the archive that it is in) or has a path outside the archive.
        tarfile.TarError: it is no tar archive.
    """
    # Unpacked in one go: this bounds the headers too, and tarfile reads a compressed archive in
    # blocks of 10 kB, three times slower.
    with tarfile.open(fileobj=io.BytesIO(read_bounded(read)), mode="r:") as archive:
        for number, member in enumerate(archive, 1):
            require_few(number)
            if member.isdir():
                continue
            file = archive.extractfile(member) if _is_plain(member) else None
            if file is None:
                raise ValueError(f"{member.name} is in it, which is no plain file below its folder")
            yield member.name, file.read()


def _is_plain(member: tarfile.TarInfo) -> bool:
    path = PurePosixPath(member.name)
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and member.isreg() and not member.issparse() and member.size >= 0


def require_few(members: int) -> None:
    """Refuse an archive of more members than :data:`MAX_MEMBERS`.

    Raises:
        ValueError: it has that many.
    """
    if members > MAX_MEMBERS:
        raise ValueError(f"it holds more than {MAX_MEMBERS:,} files")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
