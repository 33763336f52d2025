"""Files that appear whole or not at all, and are then on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex


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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
