"""What is packed is read up to a limit, and is plain files below their folder."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc

import pytest

from dialogue import files
from dialogue.files import read_bounded, tar_files
from tests.helpers.tars import HOSTILE, LIMIT, MEMBERS, member, tar

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_UNPACKED", LIMIT)
    monkeypatch.setattr(files, "MAX_MEMBERS", MEMBERS)


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_archive_of_more_than_plain_files_is_refused(kind: str) -> None:
    packed = io.BytesIO(gzip.compress(HOSTILE[kind]()))
    tracemalloc.start()
    try:
        with gzip.open(packed) as stream, pytest.raises((ValueError, tarfile.TarError)):
            list(tar_files(stream.read))
        assert tracemalloc.get_traced_memory()[1] < 8 * LIMIT
    finally:
        tracemalloc.stop()


def test_what_is_packed_in_a_file_stays_packed() -> None:
    inner = gzip.compress(bytes(8 * LIMIT))
    archive = io.BytesIO(tar(member("a", tarfile.DIRTYPE), member("a/b.gz"), content=inner))
    assert list(tar_files(archive.read)) == [("a/b.gz", inner)]


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_all_is_read_up_to_the_limit(size: int) -> None:
    assert read_bounded(io.BytesIO(bytes(size)).read) == bytes(size)


def test_not_much_more_than_the_limit_is_read() -> None:
    stream = io.BytesIO(bytes(8 * LIMIT))
    with pytest.raises(ValueError, match="unpacks to more than 1,048,576 bytes"):
        read_bounded(stream.read)
    assert stream.tell() <= 2 * LIMIT
