"""Download of pinned files, verified; a mirror folder is tried before HTTP."""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pooch
from tqdm import tqdm

_ATTEMPTS: Final = 4

log = logging.getLogger(__name__)
pooch.get_logger().setLevel("ERROR")  # it would advise to pin the files we check by blob id


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One public file at one commit.

    Attributes:
        path: Path in the corpus folder.
        mirror: Path in a mirror folder.
        url: Address of its content at the pinned commit.
        sha256: SHA-256 of its content; empty where only ``blob`` is known.
        blob: Git blob id; empty where ``sha256`` is known. The dialogues of 2.2 have neither: their
            commit alone pins them, and fetch records their checksums.
    """

    path: str
    mirror: str
    url: str
    sha256: str = ""
    blob: str = ""


class FetchError(RuntimeError):
    """A corpus cannot be fetched; the message names the file and says what to do."""


def obtain(file: PinnedFile, folder: Path, mirror: Path | None) -> Path:
    """The pinned file in ``folder``; a file with the right checksum is not fetched again.

    An interrupted download leaves ``NAME.part`` in the folder and continues from it next time.

    Args:
        file: The file to fetch.
        folder: The corpus folder.
        mirror: A mirror folder, tried first.

    Raises:
        FetchError: the file is not available, or its content is not the pinned one.
    """
    target = folder / file.path
    if target.is_file() and not _has_other_checksum(target, file):
        return target
    target.unlink(missing_ok=True)
    mirrored = mirror / file.mirror if mirror is not None else None
    if mirrored is not None and not mirrored.is_file():
        mirrored = None
    downloader = _http(target) if mirrored is None else _copy(mirrored)
    known = f"sha256:{file.sha256}" if file.sha256 else None
    try:
        pooch.retrieve(
            file.url, known, fname=target.name, path=target.parent, downloader=downloader
        )
    except ValueError as error:  # pooch: the SHA-256 is another
        raise _not_pinned(mirrored or file.url) from error
    if _has_other_checksum(target, file):
        target.unlink()
        raise _not_pinned(mirrored or file.url)
    return target


def git_blob_id(path: Path) -> str:
    """The id git gives a file with this content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content."""
    return str(pooch.file_hash(str(path)))


def _has_other_checksum(path: Path, file: PinnedFile) -> bool:
    if file.sha256:
        return sha256(path) != file.sha256
    return bool(file.blob) and git_blob_id(path) != file.blob


def _not_pinned(source: Path | str) -> FetchError:
    return FetchError(f"{source} is not the pinned file: its checksum differs; nothing was kept")


Downloader = Callable[[str, str, Any], None]
"""pooch's: url, path of a temporary file to write, the pooch instance."""


def _copy(source: Path) -> Downloader:
    def copy(_url: str, output: str, _pooch: Any) -> None:
        log.info("copying %s from the mirror", source)
        shutil.copyfile(source, output)

    return copy


def _http(target: Path) -> Downloader:
    def download(url: str, output: str, _pooch: Any) -> None:
        part = target.with_name(target.name + ".part")
        log.info("downloading %s", url)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _continue(url, part)
                break
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS:
                    raise FetchError(
                        f"{url}: {error!r}; run again to continue, or point to a mirror folder"
                    ) from error
                time.sleep(attempt)
            except httpx.HTTPStatusError as error:
                raise FetchError(f"{url}: the server answers {error}") from error
            except (ImportError, ValueError) as error:  # pooch's own means another checksum
                raise FetchError(
                    f"{url}: {error} Correct or unset the proxies that the environment names "
                    "(ALL_PROXY and its like), or point to a mirror folder"
                ) from error
        part.replace(output)

    return download


def _continue(url: str, part: Path) -> None:
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is there already
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        size = int(response.headers.get("Content-Length", 0)) + have * resumed
        with (
            part.open("ab" if resumed else "wb") as out,
            tqdm(
                desc=part.stem,
                total=size or None,
                initial=have * resumed,
                unit="B",
                unit_scale=True,
                disable=None,
            ) as bar,
        ):
            for chunk in response.iter_raw():
                out.write(chunk)
                bar.update(len(chunk))
