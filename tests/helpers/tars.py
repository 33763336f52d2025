"""Archives that a reader must refuse: they unpack to too much, or to more than plain files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import Final

LIMIT: Final = 1 << 20
"""Number of bytes that tests allow an archive to unpack to."""
MEMBERS: Final = 50
"""Number of members that tests allow."""
_LARGE = bytes(8 * LIMIT)
_HUGE = 6 << 30


def tar(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    """An archive of these members, each plain file with that content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def member(
    name: str = "a/scored.jsonl", kind: bytes = tarfile.REGTYPE, link: str = "", **headers: str
) -> tarfile.TarInfo:
    """A member with these headers of pax."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    made.pax_headers = {name.replace("_", "."): value for name, value in headers.items()}
    return made


def _with_fields(kind: bytes, fields: dict[int, bytes]) -> bytes:
    """An archive of one header, in which bytes at these places are others."""
    header = bytearray(member(kind=kind).tobuf(tarfile.GNU_FORMAT))
    for place, written in fields.items():
        header[place : place + len(written)] = written
    header[148:156] = b"        "  # the checksum is that of the header with spaces in its place
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(1024)


_NOTHING = b"%011o\0" % 0
_NEGATIVE = b"\xff" * 10 + b"\xfc\0"
HOSTILE: Final[dict[str, Callable[[], bytes]]] = {
    "sparse": lambda: _with_fields(
        tarfile.GNUTYPE_SPARSE, {386: 2 * _NOTHING, 483: b"\x80" + _HUGE.to_bytes(11, "big")}
    ),
    "sparse by a header": lambda: tar(
        member(GNU_sparse_map="0,0", GNU_sparse_size=str(_HUGE), GNU_sparse_name="b.json")
    ),
    "said to be huge": lambda: _with_fields(
        tarfile.REGTYPE, {124: b"\x80" + _HUGE.to_bytes(11, "big")}
    ),
    "of a negative size": lambda: _with_fields(tarfile.REGTYPE, {124: _NEGATIVE}),
    "a long header": lambda: tar(member(comment="x" * len(_LARGE))),
    "a large file": lambda: tar(member(), content=_LARGE),
    "large in all": lambda: tar(*map(member, "abcdef"), content=_LARGE[: LIMIT // 4]),
    "many files": lambda: tar(*(member(str(number)) for number in range(MEMBERS + 1))),
    "many folders": lambda: tar(*(member(str(n), tarfile.DIRTYPE) for n in range(MEMBERS + 1))),
    "an absolute path": lambda: tar(member("/outside/scored.jsonl")),
    "a path upwards": lambda: tar(member("a/../../outside/scored.jsonl")),
    "a symbolic link": lambda: tar(member(kind=tarfile.SYMTYPE, link="/etc/passwd")),
    "a link to a folder": lambda: tar(member("a", tarfile.SYMTYPE, "/outside"), member("a/b")),
    "a hard link": lambda: tar(member(kind=tarfile.LNKTYPE, link="/etc/passwd")),
    "a device": lambda: tar(member(kind=tarfile.CHRTYPE)),
    "a pipe": lambda: tar(member(kind=tarfile.FIFOTYPE)),
    "no tar": lambda: b"x" * 2000,
}
"""Kind of archive -> its content, before it is compressed."""
