"""What may go wrong beneath a pipeline is said in a line, and loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.helpers import toy
from tests.helpers.agents import Agents
from tests.helpers.http_server import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CORPUS = "data/toolwoz"
TREES = "data/trees/r1/josh.jsonl"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    with toy.engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="module")
def repository(whole: toy.Whole, tmp_path_factory: pytest.TempPathFactory, engine: Agents) -> Path:
    """A copy of the finished run, with an engine of its own."""
    root = tmp_path_factory.mktemp("repository") / "copy"
    shutil.copytree(whole.root, root, symlinks=True)
    (root / "params.yaml").write_text(yaml.safe_dump(toy.params(engine.url), sort_keys=False))
    return root


@pytest.fixture
def root(repository: Path) -> Iterator[Path]:
    """That repository; after the test it must be what it was."""
    before = toy.results(repository)
    yield repository
    assert toy.results(repository) == before
    assert "changed" not in toy.say(repository, "status", "convert")


def fail(root: Path, *arguments: str, **variables: str) -> str:
    """Run dvc, which fails; what it said."""
    process = toy.dvc(root, *arguments, **variables)
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


def harvest(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flows.stages.harvest", "r1"],
        cwd=root,
        env=toy.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_an_engine_that_dies_and_comes_back_costs_time_and_no_data(
    root: Path, engine: Agents
) -> None:
    engine.dies_at = 20
    running = harvest(root)
    while not engine.is_dead:
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.1)
    engine.dies_at = 0
    threading.Timer(3, lambda: setattr(engine, "is_dead", False)).start()
    said, _ = running.communicate()
    assert running.returncode == 0, said
    survived = (root / TREES).read_bytes()
    assert all(json.loads(line)["error"] is None for line in survived.splitlines())
    said, _ = (alone := harvest(root)).communicate()
    assert alone.returncode == 0, said
    assert (root / TREES).read_bytes() == survived


def test_an_engine_that_is_not_there_is_one_line_and_without_it_nothing_is_lost(
    root: Path,
) -> None:
    trees, params = root / TREES, root / "params.yaml"
    trees.parent.mkdir(parents=True, exist_ok=True)
    trees.write_text("of the harvest before\n")
    before = params.read_text()
    found = yaml.safe_load(before)
    found["engine"]["urls"] = ["http://127.0.0.1:9/v1"]
    params.write_text(yaml.safe_dump(found, sort_keys=False))
    said, _ = (running := harvest(root)).communicate()
    params.write_text(before)
    assert running.returncode == 1
    assert "no model server answers at http://127.0.0.1:9/v1" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert trees.read_text() == "of the harvest before\n"


def test_a_dead_mlflow_server_is_one_line_and_what_was_made_is_still_there(root: Path) -> None:
    port = free_port()
    made = (root / CORPUS / "scenarios.jsonl").read_bytes()
    server = f"http://127.0.0.1:{port}"
    said = fail(root, "repro", "-s", "--force", "convert", MLFLOW_TRACKING_URI=server)
    assert f"convert: no MLflow server at 127.0.0.1:{port}" in said
    assert "Traceback" not in said
    toy.say(root, "repro", "convert")
    assert (root / CORPUS / "scenarios.jsonl").read_bytes() == made
