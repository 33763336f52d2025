"""Versions of the training sets, told apart by DVC's hash and compared row by row."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.tools import datasets

GRAPH = """\
stages:
  extract:
    cmd: python extract.py
    deps: [extract.py, rows]
    outs: [data/datasets/r1]
    metrics: [reports/extract/r1.json]
"""
EXTRACT = """\
import json
from pathlib import Path
rows = Path("rows").read_text().split()
Path("data/datasets/r1").mkdir(parents=True, exist_ok=True)
Path("data/datasets/r1/sft.jsonl").write_text("".join(f"{row}\\n" for row in rows))
one = {"rows": len(rows), "extractor": "sft", "completion_chars": {"median": 491, "p95": 1700}}
Path("reports/extract").mkdir(parents=True, exist_ok=True)
Path("reports/extract/r1.json").write_text(json.dumps({"sft": one}))
Path("reports/extract/r2.json").write_text(json.dumps({"stopped": {"round": "r1", "reason": "x"}}))
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def dvc(*arguments: str) -> None:
    run(sys.executable, "-m", "dvc", *arguments)


def extract(rows: str) -> None:
    Path("rows").write_text(rows)
    dvc("repro", "-q")
    run("git", "add", "-A")
    run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", rows)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    run("git", "init", "-q", "-b", "main")
    dvc("init", "-q")
    Path("dvc.yaml").write_text(GRAPH)
    Path("extract.py").write_text(EXTRACT)
    return tmp_path


@pytest.mark.usefixtures("repository")
def test_versions_are_told_apart_by_what_is_in_them() -> None:
    extract("a b c")
    run("git", "tag", "v1")
    extract("b c d e")
    found = datasets.versions()
    assert [version.names for version in found] == [["workspace", "main"], ["v1"]]
    said = datasets.describe(found[1])
    assert said.startswith(f"data/datasets/r1 {found[1].hashes[0][1][:8]}")
    assert "r1/sft                  3 rows     491 characters" in said
    run("git", "update-ref", f"refs/exps/ab/{'c' * 38}/warm-up", "v1")
    run("git", "checkout", "-q", "--detach")
    assert [one.names for one in datasets.versions()] == [["workspace", "main"], ["v1", "warm-up"]]
    kept = "4 rows: 2 kept, 2 new, 1 gone"
    assert " ".join(next(iter(datasets.compare("v1", "workspace"))).split()).endswith(kept)


def test_a_version_that_is_not_to_be_had_is_said_in_a_line(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extract("a b c")
    monkeypatch.setattr(sys, "argv", ["datasets", "workspace", "v9"])
    assert datasets.main() == 1
    assert "unknown Git revision 'v9': name a tag" in capsys.readouterr().err
    run("git", "tag", "v1")
    extract("b c")
    for cached in (repository / ".dvc/cache").rglob("*"):
        if cached.is_file():
            cached.chmod(0o644)
            cached.unlink()
    monkeypatch.setattr(sys, "argv", ["datasets", "v1", "workspace"])
    assert datasets.main() == 1
    assert "dvc fetch --all-commits" in capsys.readouterr().err
