"""Provenance of a stage's run: the commit, DVC's hashes, and the pipeline execution."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PIPELINE = "WOZ_PIPELINE"
"""Environment variable: the id that all stages of one pipeline execution share."""
CODE = (
    "dvc.yaml",
    "params.yaml",
    "pyproject.toml",
    "dialogue",
    "flows",
    "josh",
    "services",
    "tasks",
    "toolwoz",
    "worlds",
)
"""Paths whose changes make the tree dirty; not dvc.lock, which every `dvc repro` writes."""


@dataclass(frozen=True, slots=True)
class Hashes:
    """DVC's md5 by path, of the files that a stage reads and writes."""

    deps: Mapping[str, str] = field(default_factory=dict)
    outs: Mapping[str, str] = field(default_factory=dict)


def root() -> Path:
    """The repository the user works in, also inside `dvc exp run --temp`, which runs elsewhere."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd())


def git_tags() -> dict[str, str]:
    """Commit, branch and whether the code differs from it; empty outside a git checkout."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {}
    dirty = bool(_git("status", "--porcelain", "--", *CODE))
    return {"git.commit": commit, "git.dirty": str(dirty).lower()}


def pipeline_id() -> str | None:
    """The pipeline execution this process is part of, or None for a stage run by hand.

    The flow that runs the pipeline sets the id. Without a flow it is the nearest `dvc` among the
    ancestors, which all stages of one `dvc repro` share.
    """
    if name := os.environ.get(PIPELINE):
        return name
    experiment = os.environ.get("DVC_EXP_NAME", "")
    for process in psutil.Process().parents():
        if _is_dvc(process):
            return f"{process_id(process)}{experiment and f'-{experiment}'}"
    return None


def process_id(process: psutil.Process) -> str:
    """Host, pid and start time, which no two processes share."""
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.0f}"


def is_dead(identity: str) -> bool:
    """Whether the process of a :func:`process_id` ran on this host and has ended."""
    host, pid, _ = identity.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        return process_id(psutil.Process(int(pid))) != identity
    except psutil.NoSuchProcess:
        return True


def dvc_hashes(*, outs: bool) -> Hashes:
    """Hashes of the running DVC stage's deps and, once it has written them, `outs`.

    Empty if the process is not a DVC stage. DVC caches the hashes and does not compute them again.
    """
    stage_name = os.environ.get("DVC_STAGE")
    if stage_name is None or not Path("dvc.yaml").is_file():
        return Hashes()
    from dvc.dependency import ParamsDependency
    from dvc.repo import Repo

    with Repo() as repo:
        stage = repo.stage.load_one(path="dvc.yaml", name=stage_name)
        deps = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
        return Hashes(
            deps={dep.def_path: dep.get_hash().value for dep in deps if dep.exists},
            outs={out.def_path: out.get_hash().value for out in stage.outs if outs and out.exists},
        )


def _is_dvc(process: psutil.Process) -> bool:
    try:
        command: Sequence[str] = process.cmdline()[:3]
    except psutil.Error:  # another user's process, or one that has just ended
        return False
    return any(Path(word).name == "dvc" for word in command)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
