"""A record keeps each line that was written, to whoever goes on with it, and to nobody else."""

from __future__ import annotations

import random
import resource
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.records import Format, Record, RecordError, read, seal, unseal
from tests.helpers import forked

HEADED = Format("remove the line", version=1)
BARE = Format("remove the line")
FORMATS = pytest.mark.parametrize("format", [HEADED, BARE])
LINES = [{"n": number, "text": "né\n\ud800"} for number in range(5)]
SETTINGS = {"seed": 0, "model": "m"}


def written(path: Path, format: Format, lines: list[dict[str, Any]] = LINES) -> bytes:
    with Record(path, format, SETTINGS) as record:
        for line in lines:
            record.append(line)
    return path.read_bytes()


def numbers(path: Path, format: Format) -> list[int]:
    found: list[int] = []
    read(path, format, lambda _, line: found.append(line["n"]))
    return found


@FORMATS
def test_what_was_appended_is_read(format: Format, tmp_path: Path) -> None:
    path, taken = tmp_path / "folder" / "a", {}
    size = len(written(path, format))
    found = read(path, format, taken.__setitem__)
    assert found == (None if format is BARE else SETTINGS, size, len(LINES))
    with Record(path, format, SETTINGS) as record:
        assert [line["n"] for line in record.at([*taken][::-1])] == [4, 3, 2, 1, 0]


@FORMATS
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_cut_at_any_byte_it_keeps_the_whole_lines_and_goes_on(format: Format, data: Any) -> None:
    with TemporaryDirectory() as name:
        path = Path(name) / "a"
        whole = written(path, format)
        left = whole[: data.draw(st.integers(0, len(whole)))]
        path.write_bytes(left)
        kept = max(0, left.count(b"\n") - (format is not BARE))
        taken: list[int] = []
        with Record(path, format, SETTINGS, lambda _, line: taken.append(line["n"])) as record:
            assert taken == list(range(kept))
            for line in LINES[kept:]:
                record.append(line)
        assert path.read_bytes() == whole


DAMAGES = (
    b"{]\n",
    b"\0\0\0\n",
    b"[]\n",
    b'{"other": 1}\n',
    b"[" * 10**5 + b"\n",
    b"\xff\n",
    b"5\n",
)


@FORMATS
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("at", [2, 5])
def test_a_damaged_line_is_named_to_readers_and_dropped_by_who_goes_on(
    format: Format, damage: bytes, at: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, taken = tmp_path / "a", list[int]()
    lines = written(path, format).splitlines(True)[-6 + (format is BARE) :]
    at -= format is BARE
    path.write_bytes(b"".join([*lines[:at], damage, *lines[at + 1 :]]))
    with pytest.raises(RecordError, match=rf"a:{at + 1}: .*; {format.mend}"):
        numbers(path, format)
    with Record(path, format, SETTINGS, lambda _, line: taken.append(line["n"])) as record:
        missing = set(range(5)) - set(taken)
        assert len(missing) == 1
        assert f"a:{at + 1}: " in caplog.text
        for number in missing:
            record.append(LINES[number])
    assert sorted(numbers(path, format)) == [0, 1, 2, 3, 4]


def test_a_file_without_a_sound_line_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"Dear diary,\nnothing.\n")
    with pytest.raises(RecordError, match=r"a:1: .* no line of it is sound"):
        Record(path, BARE)
    assert path.read_bytes() == b"Dear diary,\nnothing.\n"


@pytest.mark.parametrize(
    "header",
    [[], {"configuration": {}}, {"schema_version": 0, "configuration": {}}, {"n": 1}],
)
def test_a_file_of_another_kind_is_refused_and_kept(header: Any, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(seal(header) if isinstance(header, Mapping) else b"[]\n")
    before = path.read_bytes()
    with pytest.raises(RecordError, match=r"no header|schema version 0, this program reads 1"):
        Record(path, HEADED, SETTINGS)
    assert path.read_bytes() == before


def test_another_configuration_is_refused_by_name(tmp_path: Path) -> None:
    written(tmp_path / "a", HEADED)
    with pytest.raises(RecordError, match=r"\(limits was None, is \[2\], model was 'm', is 'n'\)"):
        Record(tmp_path / "a", HEADED, {"seed": 0, "model": "n", "limits": (2,)})


@FORMATS
def test_one_process_at_a_time(format: Format, tmp_path: Path) -> None:
    with Record(tmp_path / "a", format, SETTINGS):
        for _ in range(2):
            with pytest.raises(RecordError, match="another process is writing it; wait"):
                Record(tmp_path / "a", format, SETTINGS)
    written(tmp_path / "a", format)


@FORMATS
def test_lines_put_in_order_replace_all(format: Format, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with Record(path, format, SETTINGS) as record:
        record.append({"n": 7})
        record.rewrite(LINES)
    assert numbers(path, format) == [0, 1, 2, 3, 4]
    with Record(path, format, SETTINGS) as record:
        record.append({"n": 5})
    assert numbers(path, format) == [0, 1, 2, 3, 4, 5]


def test_a_finished_file_is_plain(tmp_path: Path) -> None:
    with Record(tmp_path / "a", HEADED, SETTINGS) as record:
        record.rewrite([{"n": 1, "text": "né"}])
    assert (tmp_path / "a").read_text().splitlines() == [
        '{"schema_version": 1, "configuration": {"seed": 0, "model": "m"}}',
        '{"n": 1, "text": "né"}',
    ]


def test_a_full_disk_leaves_the_record_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    before, limits = len(written(path, HEADED)), resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Record(path, HEADED, SETTINGS) as record:
            resource.setrlimit(resource.RLIMIT_FSIZE, (before + 10, limits[1]))
            with pytest.raises(OSError, match="the disk took 10 of"):
                record.append(LINES[0])
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            record.append({"n": 5})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert numbers(path, HEADED) == [0, 1, 2, 3, 4, 5]


@settings(deadline=None)
@given(
    record=st.dictionaries(
        st.text(st.characters(exclude_categories=[]), max_size=9),
        st.text(st.characters(exclude_categories=[])) | st.none() | st.integers(),
        min_size=1,
    ),
    data=st.data(),
)
def test_a_line_is_whole_or_nothing(record: dict[str, Any], data: Any) -> None:
    line = seal(record)
    assert unseal(line) == record
    assert line.count(b"\n") == 1
    cut = data.draw(st.integers(0, len(line) - 1))
    flipped = bytes([line[cut] ^ 1])
    for damaged in (line[:cut], line[:cut] + flipped + line[cut + 1 :]):
        try:
            assert unseal(damaged).keys() > record.keys()  # the name of the checksum is hit
        except ValueError:
            continue


KILLS = 100


def count(path: Path, said: Connection) -> None:
    """Append numbers for ever, from the first that the record lacks, and say each one."""
    seen: list[object] = []
    with Record(path, Format("", version=1), {}, lambda _, line: seen.append(line)) as record:
        for number in range(len(seen), 10**9):
            record.append({"n": number, "text": "x" * (number % 997)})
            said.send(number)


def heard(said: Connection) -> Iterator[int]:
    with suppress(EOFError):
        while True:
            yield said.recv()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_a_hundred_times_it_has_all_that_it_said_it_had(tmp_path: Path) -> None:
    chance = random.Random(0)
    for kill in range(KILLS):
        path = tmp_path / str(kill // 20)  # a record that is read anew at each start stays short
        process, said = forked.start(count, path)
        first = said.recv()  # from here on any moment will do
        process.join(chance.uniform(0, 0.01))
        process.kill()
        last = max(heard(said), default=first)
        found = numbers(path, Format("", version=1))
        assert found == list(range(len(found)))
        assert len(found) > last
