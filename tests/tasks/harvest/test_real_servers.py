"""A harvest on real vLLM servers: one that plays both sides, and two of which one is killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest

from dialogue.endpoints.settings import ModelEndpoint
from services.engines import EngineSettings
from services.engines.server import MODULE, serving
from tasks.bootstrap.embedded import build_model, build_tokenizer
from tasks.harvest.job import Job
from tests.helpers.recording import DIALOGUE, HARVEST, whole_harvest, write_corpus
from tests.helpers.tiny import TINY

pytestmark = [pytest.mark.slow, pytest.mark.vllm, pytest.mark.timeout(600)]

ENGINE = EngineSettings(
    "server", max_tokens=16, max_model_len=4096, kv_cache_gb=0.2, dtype="float32", threads=1
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    corpus, model = write_corpus(tmp_path), tmp_path / "model"
    size = replace(TINY, max_length=4096)
    texts = (corpus / "scenarios.jsonl").read_text().splitlines()
    tokenizer = build_tokenizer(iter(texts), size)
    for part in (build_model(size, tokenizer, seed=0), tokenizer):
        part.save_pretrained(model)
    return Job(
        config=HARVEST,
        dialogue=replace(DIALOGUE, max_messages=12),
        engine=ENGINE,
        model=model,
        corpus=corpus,
        work=tmp_path / "work",
        logs=tmp_path / "logs",
        name="r1",
    )


def harvested(job: Job, out: Path) -> list[dict[str, object]]:
    found = whole_harvest(job, out)["josh"]
    assert (found.trees, found.faults) == (3, 0)
    return [json.loads(line) for line in (out / "josh.jsonl").read_text().splitlines()]


def test_one_server_plays_agent_and_user(job: Job, tmp_path: Path) -> None:
    with serving(ENGINE.of(job.model, 1.0), tmp_path / "log") as urls:
        user = ModelEndpoint(url=urls[0], model=str(job.model), max_tokens=8)
        dialogue = replace(job.dialogue, user="goal", user_model=user)
        engine = replace(ENGINE, urls=urls)
        trees = harvested(replace(job, dialogue=dialogue, engine=engine), tmp_path / "out")
    assert len(trees) == 3


def server_of(job: Job) -> int:
    """The process of a server that this one has started for the job's model."""
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended
            if {MODULE, f"--model={job.model}"} <= set(child.cmdline()):
                return child.pid
    raise LookupError("no server runs")


@contextmanager
def one_killed(job: Job, answers: int, log: Path) -> Iterator[Event]:
    """Kill a server of the job once the first has given so many answers."""
    is_over, is_killed = Event(), Event()

    def watch() -> None:
        while not is_over.wait(0.05):
            if log.is_file() and log.read_text().count("/v1/chat/completions") >= answers:
                os.killpg(server_of(job), signal.SIGKILL)
                is_killed.set()
                return

    thread = Thread(target=watch)
    thread.start()
    try:
        yield is_killed
    finally:
        is_over.set()
        thread.join()


def test_the_trees_of_two_servers_of_which_one_is_killed_are_those_of_one(
    job: Job, tmp_path: Path
) -> None:
    alone = harvested(job, tmp_path / "alone")
    two = replace(job, engine=replace(ENGINE, replicas=2), work=tmp_path / "two")
    for old in job.logs.iterdir():
        old.unlink()
    with one_killed(two, 5, job.logs / "harvest-r1-engine.log") as is_killed:
        assert harvested(two, tmp_path / "out") == alone
    assert is_killed.is_set()
    assert "/v1/chat/completions" in (job.logs / "harvest-r1-engine-2.log").read_text()
