"""A harvest is killed again and again while its users never say the same twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from dialogue.records import unseal
from josh.tree.store import read_trees
from toolwoz.conversion.conversion import convert
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.sources import SyntheticConfig, fetch
from toolwoz.world.scenario import write_scenarios

KILLS = 6


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    size = SyntheticConfig(seed=3, train=12, val=1, test=1)
    conversion = convert(read_corpus(fetch("synthetic", tmp_path / "raw", synthetic=size)), "v2")
    conversion.world.save(tmp_path / "corpus")
    write_scenarios(tmp_path / "corpus" / "scenarios.jsonl", conversion.scenarios)
    return tmp_path / "corpus"


def run(corpus: Path, work: Path, *, seconds: float | None = None) -> bool:
    """One attempt, killed after so many seconds of work; whether it came to its end."""
    script = Path(__file__).with_name("killed_harvest.py")
    command = [sys.executable, str(script), str(corpus), str(work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        if seconds is not None:
            time.sleep(seconds)
            process.kill()
        return process.wait() == 0


@pytest.mark.slow
def test_a_killed_harvest_never_asks_its_users_twice(corpus: Path, tmp_path: Path) -> None:
    rng, work, finished = random.Random(0), tmp_path / "work", []
    for _ in range(KILLS):
        finished.append(run(corpus, work, seconds=rng.uniform(0.05, 0.25)))
    assert not any(finished[:2]), "it was killed at least twice"
    assert run(corpus, work)
    lines = (work / "moody.jsonl").read_bytes().splitlines(keepends=True)
    records = [unseal(line) for line in lines[1:] if line.endswith(b"\n")]
    assert len(records) == len(lines) - 1
    places = Counter((record["scenario"], record["place"]) for record in records)
    assert set(places.values()) == {1}, "nothing was answered twice"
    trees = list(read_trees(work / "trees.jsonl"))
    assert [tree.error for tree in trees] == [None] * 6
    for tree in trees:
        journaled = [
            message["content"]
            for record in records
            if record["scenario"] == tree.scenario and record["place"].endswith(("opening", ">"))
            for message in record["answer"]["messages"]
            if message["role"] == "user"
        ]
        nodes = [message for node in tree.nodes for message in node.messages]
        heard = [m["content"] for m in (*tree.messages, *nodes) if m["role"] == "user"]
        assert sorted(heard) == sorted(journaled), "and what was answered before the kill counts"
