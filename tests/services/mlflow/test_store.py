"""A folder whose name means something in an address or a shell holds MLflow's store as any does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.mlflow import store

NAMES = ("why? #1", "it's %20 100% [x]*", '-rf "tür 東" &;$HOME', "?mode=memory&cache=shared")
STAGE = """
import pathlib
from services.mlflow import tracking
with tracking.stage_run("train", {"seed": 1}) as run:
    tracking.report({"loss": 0.5})
    tracking.log_artifact(pathlib.Path("note.txt"))
with tracking.stage_run("evaluate", {}):
    pass
import mlflow
found = mlflow.MlflowClient()
assert found.get_run(run).data.metrics == {"loss": 0.5}
assert [one.path for one in found.list_artifacts(run)] == ["note.txt"]
"""

pytestmark = pytest.mark.slow


def stage(root: Path, working: Path) -> None:
    """A stage in a process of its own: MLflow keeps the stores that it has opened."""
    (working / "note.txt").write_text("kept")
    environment = {**os.environ, "DVC_ROOT": str(root)}
    subprocess.run([sys.executable, "-c", STAGE], cwd=working, env=environment, check=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_store_is_inside(name: str, mlflow_root: Path) -> None:
    root = mlflow_root / "repositories" / name
    shutil.copytree(mlflow_root / ".mlflow", root / ".mlflow")
    stage(root, root)
    (kept,) = (root / ".mlflow" / "artifacts").rglob("note.txt")
    assert kept.read_text() == "kept"
    assert {path.name for path in root.iterdir()} == {".mlflow", "note.txt"}
    assert [path.name for path in root.parent.iterdir()] == [name]


def test_a_store_is_made_inside(mlflow_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = mlflow_root / "repositories" / "it's why? #1"
    root.mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("DVC_ROOT", str(root))
    store.tracking_uri()
    assert (root / ".mlflow" / "mlflow.db").is_file()
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_a_working_directory_elsewhere_leads_to_the_same_store(mlflow_root: Path) -> None:
    """`dvc exp run --temp` copies the repository into one of its own folders."""
    root = mlflow_root / "why?"
    shutil.copytree(mlflow_root / ".mlflow", root / ".mlflow")
    elsewhere = root / ".dvc" / "tmp" / "exps" / "1"
    elsewhere.mkdir(parents=True)
    stage(root, elsewhere)
    assert len(list((root / ".mlflow" / "artifacts").rglob("note.txt"))) == 1
    assert [path.name for path in elsewhere.iterdir()] == ["note.txt"]
