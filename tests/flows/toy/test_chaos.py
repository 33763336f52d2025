"""A stage is killed at random moments, and the pipeline always finishes with the same results.

A run that was left alone is the measure. Of a copy of it one stage is undone; while the pipeline
makes it again, a SIGKILL goes to dvc and all below it, at a random moment; then the same command is
given again. CHAOS_KILLS=50 makes it 50 kills, as many in every stage, the longest first; CHAOS_SEED
chooses other moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from itertools import cycle, takewhile
from pathlib import Path
from threading import Timer

import pytest
import yaml

from tests.helpers import toy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

KILLS = int(os.environ.get("CHAOS_KILLS", "4"))
SEED = int(os.environ.get("CHAOS_SEED", "0"))


def undo(root: Path, stage: str) -> None:
    """Leave a repository as if a stage of its run were still to come."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    for out in lock["stages"].pop(stage)["outs"]:
        path = root / out["path"]
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))
    shutil.rmtree(root / ".dvc/cache/runs")  # or DVC would not run it, but remember its results


def strike(root: Path, seconds: float, rng: random.Random) -> bool:
    """Run the pipeline and kill it within the time that its first stage may take.

    Returns:
        Whether the kill came before the end.
    """
    process = toy.dvc(root, "repro")
    kill = Timer(rng.uniform(0, seconds), kill_all, [process])
    assert process.stdout is not None
    said = list(takewhile(lambda line: not toy.started_stage(line), process.stdout))
    kill.start()
    said += process.stdout
    status = process.wait()
    kill.cancel()
    assert status in (0, -signal.SIGKILL), "".join(said)
    return status == -signal.SIGKILL


def kill_all(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:  # the group is its own, and lives as long as it does
        os.killpg(process.pid, signal.SIGKILL)


def remade(root: Path) -> None:
    """What `make repro` runs."""
    check = [sys.executable, "-m", "flows.params", "check"]
    subprocess.run(check, cwd=root, env=toy.environment(), check=True)
    toy.say(root, "repro")


def test_kills_at_random_moments_lose_nothing_and_change_nothing(
    whole: toy.Whole, tmp_path: Path, migrated_store: Path
) -> None:
    rng = random.Random(SEED)
    kills = 0
    for stage in cycle(sorted(whole.seconds, key=whole.seconds.__getitem__, reverse=True)):
        root = tmp_path / stage
        shutil.copytree(whole.root, root, symlinks=True)
        shutil.rmtree(root / ".mlflow")
        toy.give_store(root, migrated_store)
        undo(root, stage)
        kills += strike(root, whole.seconds[stage], rng)
        remade(root)
        assert toy.results(root) == whole.results, f"after a kill in {stage}"
        assert toy.say(root, "status") == toy.CLEAN
        print(f"kill {kills}, in {stage}", flush=True)
        shutil.rmtree(root)
        if kills >= KILLS:
            break
