"""A `dvc` command inside a flow run: the run logs its output and is the parent of its stages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from prefect import get_run_logger
from prefect.runtime import flow_run

from flows.params.place import remove_cut_files
from flows.server import runtime
from services.mlflow import provenance

LIVE: set[subprocess.Popen[str]] = set()
"""Running commands."""
OUTCOMES = {"didn't change, skipping": "Unchanged", "is cached - skipping run": "Restored"}
"""DVC's message about a stage that it does not run -> the name of the task's state."""


class StageFailedError(RuntimeError):
    """A stage of the pipeline ended with an error, which its log explains."""


def run_dvc(name: str, arguments: Sequence[str]) -> str:
    """Run `dvc ARGUMENTS`; returns Ran, Unchanged or Restored.

    Raises:
        StageFailedError: the command ended with an error.
    """
    remove_cut_files()
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    LIVE.add(process)
    assert process.stdout is not None
    outcome = "Ran"
    for line in process.stdout:
        get_run_logger().info(line.rstrip())
        outcome = next((is_so for words, is_so in OUTCOMES.items() if words in line), outcome)
    status = process.wait()
    LIVE.discard(process)
    if status:
        raise StageFailedError(f"{name} failed, see logs/{name}.log (dvc ended with {status})")
    return outcome


def _environment() -> dict[str, str]:
    """The environment of this process, with its `python` first and this flow run as parent."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {
        **os.environ,
        **runtime.child_environment(),
        provenance.PIPELINE: str(flow_run.id),
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
    }
