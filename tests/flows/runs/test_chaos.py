"""The pipeline is killed at random moments, and always finishes with the same results.

A run that is left alone is the measure. Another clone runs the same pipeline while each SIGKILL
goes to dvc and all below it, at a random moment of a stage; then the same command is given again.
CHAOS_KILLS=50 makes it 50 kills, as many in every stage; CHAOS_SEED chooses others.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from threading import Timer

import pytest

from tests.helpers import toy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

KILLS = int(os.environ.get("CHAOS_KILLS", "4"))
SEED = int(os.environ.get("CHAOS_SEED", "0"))
CLEAN = "Data and pipelines are up to date.\n"


@dataclass(frozen=True)
class Whole:
    """A run that was left alone.

    Attributes:
        root: Its repository.
        seconds: What each stage took, in the order they ran.
        results: Hashes of all that it made.
    """

    root: Path
    seconds: Mapping[str, float]
    results: Mapping[str, str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Iterator[Whole]:
    with toy.engine(tmp_path_factory.mktemp("engine")) as engine:
        root = tmp_path_factory.mktemp("whole")
        toy.make(root, engine.url)
        give_store(root, migrated_store)
        seconds = left_alone(root)
        assert toy.say(root, "status") == CLEAN
        yield Whole(root, seconds, toy.results(root))


def give_store(root: Path, migrated: Path) -> None:
    """MLflow's, empty: its making takes ten seconds."""
    (root / ".mlflow").mkdir()
    shutil.copy(migrated, root / ".mlflow" / "mlflow.db")


def left_alone(root: Path) -> dict[str, float]:
    """A whole run; the seconds of each stage."""
    process = toy.dvc(root, "repro")
    assert process.stdout is not None
    said, starts = [], {}
    for line in process.stdout:
        said.append(line)
        if stage := started_stage(line):
            starts[stage] = time.monotonic()
    assert process.wait() == 0, "".join(said)
    ends = [*list(starts.values())[1:], time.monotonic()]
    return {name: end - start for (name, start), end in zip(starts.items(), ends, strict=True)}


def started_stage(line: str) -> str | None:
    found = re.fullmatch(r"Running stage '(.+)':\n", line)
    return found and found[1]


@dataclass
class Chaos:
    """Kills to come and kills that were.

    Attributes:
        seconds: What each stage takes; of one that ended before its kill, what it took then.
        planned: Kills to come, by stage; one that comes too late is left for another run.
        done: Kills that were, by stage.
    """

    seconds: dict[str, float]
    rng: random.Random
    planned: Counter[str]
    done: Counter[str] = field(default_factory=Counter)

    def repro(self, root: Path) -> bool:
        """One `dvc repro`; whether it came to its end."""
        process = toy.dvc(root, "repro")
        said, stage, since = [], "", 0.0
        kill = Timer(0, lambda: None)
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if started := started_stage(line):
                if kill.is_alive():
                    kill.cancel()
                    self.seconds[stage] = time.monotonic() - since
                stage, since = started, time.monotonic()
                kill = self._aim(stage, process)
        status = process.wait()
        kill.cancel()
        if status == -signal.SIGKILL:
            self.planned[stage] -= 1
            self.done[stage] += 1
            print(f"kill {self.done.total()}, in {stage}", flush=True)
        assert status in (0, -signal.SIGKILL), "".join(said)
        return status == 0

    def _aim(self, stage: str, process: subprocess.Popen[str]) -> Timer:
        """A timer that strikes within the time the stage may take, or none."""
        timer = Timer(self.rng.uniform(0, self.seconds[stage]), kill_all, [process])
        if self.planned[stage]:
            timer.start()
        return timer


def kill_all(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:  # the group is its own, and lives as long as it does
        os.killpg(process.pid, signal.SIGKILL)


def plan(stages: Mapping[str, float], rng: random.Random) -> Counter[str]:
    """As many kills in every stage, as far as they go."""
    return Counter(islice(cycle(rng.sample(list(stages), len(stages))), KILLS))


def test_kills_at_random_moments_lose_nothing_and_change_nothing(
    whole: Whole, tmp_path: Path, migrated_store: Path
) -> None:
    rng = random.Random(SEED)
    chaos = Chaos(dict(whole.seconds), rng, plan(whole.seconds, rng))
    run = 0
    while chaos.planned.total():
        run += 1
        root = tmp_path / str(run)
        subprocess.run(["git", "clone", "-q", str(whole.root), str(root)], check=True)
        give_store(root, migrated_store)
        while not chaos.repro(root):
            pass
        assert toy.results(root) == whole.results, f"after {chaos.done}"
        assert toy.say(root, "status") == CLEAN
        print(f"run {run} is the same after {chaos.done.total()} kills", flush=True)
        shutil.rmtree(root)
    print(f"{chaos.done.total()} kills in {run} runs: {dict(chaos.done)}")
    assert chaos.done.total() == KILLS
