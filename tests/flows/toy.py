"""This repository's pipeline at toy size, in a repository of its own: real code, a tiny corpus."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CODE = ("flows", "tasks", "toolwoz", "josh", "configs")
FILES = ("dvc.yaml", "params.yaml", "pyproject.toml", ".dvcignore", ".gitignore")
CORPUS = {"seed": 3, "train": 4, "val": 2, "test": 2}


def make(root: Path) -> None:
    """A repository with this one's code, graph and params, but for the size of the corpus."""
    for name in CODE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, root / name)
    (root / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", root / ".dvc/config")
    shutil.copy(ROOT / ".dvc/.gitignore", root / ".dvc/.gitignore")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["fetch"]["synthetic"] = CORPUS
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    author = ["-c", "user.name=toy", "-c", "user.email=toy@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-qm", "toy"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def environment() -> dict[str, str]:
    """Plain `python` is this one, the code is the toy's, and nothing is inherited from a run."""
    ours = ("PREFECT", "MLFLOW", "WOZ", "DVC", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, "PATH": path, "WOZ_PREFECT": "off", "OMP_NUM_THREADS": "1"}


def dvc(root: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start dvc as the leader of a process group of its own; what it says comes line by line."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def say(root: Path, *arguments: str) -> str:
    """Run dvc to its end; what it said.

    Raises:
        AssertionError: it failed.
    """
    process = dvc(root, *arguments)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def results(root: Path) -> dict[str, str]:
    """DVC's hash of what the pipeline made."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    outs = (out for stage in lock["stages"].values() for out in stage.get("outs", ()))
    return {out["path"]: out["md5"] for out in outs}
