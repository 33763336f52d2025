"""The pipeline is killed at random moments, and always finishes with the same results.

A run that is left alone is the measure. Another clone runs the same pipeline while each SIGKILL
goes to dvc and all below it, at a random moment of a stage; then the same command is given again.
CHAOS_KILLS=50 makes it 50 kills, as many in every stage; CHAOS_SEED chooses others.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from threading import Timer

import pytest

from tests.helpers import toy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

KILLS = int(os.environ.get("CHAOS_KILLS", "4"))
SEED = int(os.environ.get("CHAOS_SEED", "0"))


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
            if started := toy.started_stage(line):
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
    whole: toy.Whole, tmp_path: Path, migrated_store: Path
) -> None:
    rng = random.Random(SEED)
    chaos = Chaos(dict(whole.seconds), rng, plan(whole.seconds, rng))
    run = 0
    while chaos.planned.total():
        run += 1
        root = tmp_path / str(run)
        subprocess.run(["git", "clone", "-q", str(whole.root), str(root)], check=True)
        toy.give_store(root, migrated_store)
        while not chaos.repro(root):
            pass
        assert toy.results(root) == whole.results, f"after {chaos.done}"
        assert toy.say(root, "status") == toy.CLEAN
        print(f"run {run} is the same after {chaos.done.total()} kills", flush=True)
        shutil.rmtree(root)
    print(f"{chaos.done.total()} kills in {run} runs: {dict(chaos.done)}")
    assert chaos.done.total() == KILLS
