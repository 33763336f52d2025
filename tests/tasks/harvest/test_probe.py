"""A search stops early where no answer of the first dialogues holds a call that can be read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dialogue.protocols import Completion, Message, Tool
from dialogue.tool_text import FunctionCall, assistant
from services.engines import EngineSettings
from tasks.harvest.job import Job
from tasks.harvest.probe import HopelessError
from tests.helpers.agents import serving
from tests.helpers.recording import DIALOGUE, RECORDING, whole_harvest, write_corpus
from tests.helpers.recording import job as recorded
from toolwoz.agents.expert import Expert

JSON = '{"name": "search_hotel", "arguments": {"name": "?"}}'


class Says:
    """A model that gives the same answer to whatever it is asked."""

    def __init__(self, message: Message) -> None:
        self._message = message

    async def __call__(
        self,
        messages: Sequence[Message],  # noqa: ARG002
        tools: Sequence[Tool],  # noqa: ARG002
        *,
        seed: int,  # noqa: ARG002
    ) -> Completion:
        return Completion(self._message)


def probed(job: Job, size: int) -> Job:
    return replace(job, config=replace(job.config, probe=size))


def asking(folder: Path, url: str, size: int) -> Job:
    """A harvest of the model at an address."""
    (folder / "model").mkdir(exist_ok=True)
    engine = EngineSettings("endpoint", urls=(url,), timeout=20)
    job = recorded(folder / "corpus", folder / "model", folder)
    return probed(replace(job, engine=engine), size)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (assistant(JSON), JSON),
        (assistant("", [FunctionCall("search_hotel", '{"area": nor')]), 'search_hotel {"area": n'),
        (assistant("x" * 1000), "x" * 160 + "..."),
    ],
    ids=["calls in a format that is not read", "malformed calls", "no calls"],
)
def test_a_model_without_readable_calls_stops_the_search_in_one_line_that_says_what_to_do(
    tmp_path: Path, message: Message, shown: str
) -> None:
    write_corpus(tmp_path)
    with serving({str(tmp_path / "model"): Says(message)}) as server:
        job = asking(tmp_path, server.url, 2)
        with pytest.raises(HopelessError, match="none of the first 2 dialogues") as stopped:
            whole_harvest(job, tmp_path / "trees")
        line = str(stopped.value)
        assert shown in line
        assert "\n" not in line
        assert "engine.tool_parser" in line
        assert not list(job.work.glob("*/*.jsonl")), "no trees, or the stage would take them"
        asked = len(server.asked)
        with pytest.raises(HopelessError):
            whole_harvest(job, tmp_path / "trees")
        assert len(server.asked) - asked < asked, "what it had answered was kept"

        found = whole_harvest(probed(job, 0), tmp_path / "trees")
        assert found["josh"].trees == 3, "nothing stops it where that is wanted"


def test_a_model_that_calls_is_told_of_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus = write_corpus(tmp_path)
    with (
        serving({str(tmp_path / "model"): Expert(DIALOGUE.world(corpus))}) as server,
        caplog.at_level(logging.INFO, logger="tasks.harvest.probe"),
    ):
        whole_harvest(asking(tmp_path, server.url, 2), tmp_path / "trees")
    [line] = [one.getMessage() for one in caplog.records if one.name == "tasks.harvest.probe"]
    assert "in 2 of the first 2 dialogues the model called a tool, 0 of " in line
    assert "search_" in line


def test_dialogues_that_a_fault_cut_short_prove_nothing(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(RECORDING.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(OSError, match="the engine failed in 3 of 3 dialogues"):
        whole_harvest(probed(recorded(corpus, empty, tmp_path), 1), tmp_path / "trees")
