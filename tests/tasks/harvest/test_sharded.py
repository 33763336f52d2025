"""However many share a harvest, and whatever becomes of them, it gives the trees of one."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from dialogue.protocols import Policy
from services.engines import EngineConfig, open_engine
from services.shards import WHOLE, Shard, SpoiledError, shards
from tasks.harvest import explore
from tasks.harvest.job import Job
from tasks.harvest.parts import gather, harvest_part, prepare
from tests.helpers.recording import RECORDING, SEARCH, whole_harvest, write_corpus
from tests.helpers.recording import job as recorded
from tests.tasks.harvest.digests import DIGESTS


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path)


def job_of(corpus: Path, recording: Path = RECORDING) -> Job:
    return recorded(corpus, recording, corpus.parent)


def with_config(job: Job, **changes: Any) -> Job:
    return replace(job, config=replace(job.config, **changes))


def digest(out: Path) -> str:
    return sha256((out / "josh.jsonl").read_bytes()).hexdigest()


def test_any_number_of_shards_gives_the_trees_of_one(corpus: Path, tmp_path: Path) -> None:
    job = job_of(corpus)
    for count in (1, 2, 3, 5):
        prepare(job, count)
        for shard in reversed(shards(count)):
            harvest_part(job, shard)
        found = gather(job, count, tmp_path / str(count))
        assert digest(tmp_path / str(count)) == DIGESTS["josh.jsonl"]
        assert (found["josh"].trees, found["josh"].faults) == (3, 0)
        assert not list(job.work.iterdir()), "nothing is left behind"


def test_a_part_that_is_missing_is_said_and_the_others_are_kept(
    corpus: Path, tmp_path: Path
) -> None:
    job = job_of(corpus)
    prepare(job, 3)
    harvest_part(job, Shard(0, 3))
    with pytest.raises(OSError, match="josh: 2 of 3 shards have no trees"):
        gather(job, 3, tmp_path / "trees")
    journal = next(job.work.glob("*.1-of-3.jsonl"))
    answers = len(journal.read_bytes().splitlines()) - 1

    # One process goes on: what the shard was answered counts.
    prepare(job, 1)
    (merged,) = job.work.glob("*.jsonl")
    assert len(merged.read_bytes().splitlines()) - 1 == answers
    whole_harvest(job, tmp_path / "trees")
    assert digest(tmp_path / "trees") == DIGESTS["josh.jsonl"]
    assert not list(job.work.iterdir())


def test_an_engine_that_fails_fails_the_shard_and_is_asked_again(
    corpus: Path, tmp_path: Path
) -> None:
    lines = RECORDING.read_bytes().splitlines(keepends=True)
    recording = tmp_path / "recording.jsonl"
    recording.write_bytes(b"".join(lines[:-1]))
    job = job_of(corpus, recording)
    harvest_part(job, Shard(0, 3))
    harvest_part(job, Shard(2, 3))
    with pytest.raises(OSError, match="shard 2 of 3: the engine failed in dialogues of josh"):
        harvest_part(job, Shard(1, 3))
    with pytest.raises(OSError, match="josh: the engine failed in 1 of 3 dialogues"):
        gather(job, 3, tmp_path / "trees")

    (folder,) = (path for path in job.work.iterdir() if path.is_dir())
    done = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    recording.write_bytes(RECORDING.read_bytes())  # the engine is on its feet again
    for shard in shards(3):
        harvest_part(job, shard)
    assert len([path for path in folder.iterdir() if path.stat().st_mtime_ns != done[path]]) == 1
    gather(job, 3, tmp_path / "trees")
    assert digest(tmp_path / "trees") == DIGESTS["josh.jsonl"]


def test_one_engine_serves_all_searches_of_a_part(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def counted(config: EngineConfig, *, log: Path) -> AbstractContextManager[Policy]:
        opened.append(log)
        return open_engine(config, log=log)

    monkeypatch.setattr(explore, "open_engine", counted)
    searches = {"strange": replace(SEARCH, seed=99), "josh": SEARCH}  # the first is not recorded
    job = with_config(job_of(corpus), searches=searches, max_faults=1.0)
    prepare(job, 1)
    with pytest.raises(SpoiledError, match="dialogues of strange; what it answered is kept"):
        harvest_part(job, WHOLE)
    assert len(opened) == 1
    assert len(list(job.work.glob("*/whole.jsonl"))) == 2

    hopeless = with_config(job, max_faults=0.5)
    shutil.rmtree(job.work)
    with pytest.raises(SpoiledError, match="dialogues of strange"):
        harvest_part(hopeless, WHOLE)
    assert len(list(job.work.glob("*/whole.jsonl"))) == 1, "the second search was not begun"


def test_faults_within_the_limit_are_no_reason_to_stop(corpus: Path, tmp_path: Path) -> None:
    lines = RECORDING.read_bytes().splitlines(keepends=True)
    recording = tmp_path / "recording.jsonl"
    recording.write_bytes(b"".join(lines[:-1]))
    job = with_config(job_of(corpus, recording), max_faults=0.4)
    found = whole_harvest(job, tmp_path / "trees")["josh"]
    assert (found.trees, found.faults) == (3, 1)
    assert not list(job.work.iterdir())
