"""What may go wrong beneath a pipeline is said in a line, and loses nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flows import toy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CORPUS = "data/toolwoz"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has a corpus."""
    root = tmp_path_factory.mktemp("repository")
    toy.make(root)
    toy.say(root, "repro", "convert")
    return root


@pytest.fixture
def root(repository: Path) -> Iterator[Path]:
    """That repository; after the test it must be what it was."""
    before = toy.results(repository)
    yield repository
    assert toy.results(repository) == before
    assert "changed" not in toy.say(repository, "status", "convert")


def fail(root: Path, *arguments: str) -> str:
    """Run dvc, which fails; what it said."""
    process = toy.dvc(root, *arguments)
    said, _ = process.communicate()
    assert process.returncode != 0, said
    return said


def test_a_second_pipeline_is_turned_away_and_the_first_goes_on(root: Path) -> None:
    first = toy.dvc(root, "repro", "--force", "convert")
    assert first.stdout is not None
    assert any("Running stage" in line for line in first.stdout)
    said = fail(root, "repro", "convert")
    assert "Unable to acquire lock" in said or "is busy, it is being blocked by" in said
    rest, _ = first.communicate()
    assert first.returncode == 0, rest


def test_a_corrupt_cache_is_found_and_made_anew(root: Path) -> None:
    for cached in (root / ".dvc/cache/files").rglob("*"):
        if cached.is_file() and not cached.name.endswith(".dir"):
            cached.chmod(0o644)
            cached.write_bytes(cached.read_bytes()[:-7] + b"corrupt")
    shutil.rmtree(root / CORPUS)
    toy.say(root, "repro", "convert")


def test_half_an_output_is_made_whole(root: Path) -> None:
    scenarios = root / CORPUS / "scenarios.jsonl"
    whole = scenarios.read_bytes()
    scenarios.chmod(0o644)
    scenarios.write_bytes(whole[: len(whole) // 2])
    toy.say(root, "repro", "convert")
    assert scenarios.read_bytes() == whole


@contextmanager
def small_disk(folder: Path, *, room: int, empty: bool) -> Iterator[None]:
    """In place of the folder a disk that holds what it held, or nothing, with `room` to spare."""
    if os.geteuid() != 0:
        pytest.skip("mounts a disk, which needs root")
    kept = folder.with_name(f"{folder.name}.kept")
    folder.rename(kept)
    folder.mkdir()
    used = 0 if empty else sum(path.stat().st_size + 4096 for path in kept.rglob("*"))
    size = f"size={used + room}"
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=False
    ).returncode:
        pytest.skip("may not mount a disk")
    try:
        if not empty:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
        shutil.rmtree(folder)
        kept.rename(folder)


@pytest.mark.parametrize("where", ["data", ".dvc/cache"])
def test_a_full_disk_is_named_and_with_room_the_same_command_goes_on(
    root: Path, where: str
) -> None:
    with small_disk(root / where, room=16384, empty=where == ".dvc/cache"):
        said = fail(root, "repro", "--force", "convert")
        assert "no space left" in said.lower()
        assert "Traceback" not in said
        more = ["mount", "-o", "remount,size=64M", str(root / where)]
        subprocess.run(more, check=True)
        toy.say(root, "repro", "convert")
