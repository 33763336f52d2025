"""A file appears whole or not at all, and who writes it leaves nothing else behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialogue.files import replacing, sync, write_whole
from tests.helpers.disk import synced


def test_a_file_and_its_folder_appear(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a" / "b.txt", "né")
    write_whole(tmp_path / "a" / "c", b"\0")
    assert path.read_bytes() == "né".encode()
    assert sorted(one.name for one in path.parent.iterdir()) == ["b.txt", "c"]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode, "others may read it"


def test_after_a_failure_the_old_file_is_there_and_nothing_else(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a", "old")

    def fail() -> None:
        with replacing(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
    assert path.read_text() == "old"


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replacing(path) as first, replacing(path) as second:
        assert first.parent == second.parent == path.parent
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a" / "b.txt"
    with monkeypatch.context() as patch:
        seen = synced(patch)
        write_whole(path, "text")
    part, folder = seen
    assert part.parent == path.parent == folder
    assert part.suffix == ".part"


def test_a_folder_is_on_the_disk_with_all_that_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_whole(tmp_path / "a" / "b" / "c.txt", "text")
    seen = synced(monkeypatch)
    sync(tmp_path / "a")
    assert {path, path.parent, tmp_path / "a", tmp_path} == set(seen)
