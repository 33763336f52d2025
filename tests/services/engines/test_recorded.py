"""What was recorded is given again, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from dialogue.errors import EngineError
from dialogue.protocols import Completion
from services.engines import EngineConfig, open_engine
from services.engines.recorded import NotRecorded, RecordingPolicy, sampling

QUESTION = [{"role": "user", "content": "a hotel"}]


async def says_its_seed(messages, tools, *, seed):
    if seed == 0:
        return None
    answer = {"role": "assistant", "content": f"{messages[0]['content']} {len(tools)} {seed}"}
    return Completion(answer, prompt_tokens=3, token_ids=(1, 2), logprobs=(-0.5, -1.0))


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "answers.jsonl"

    async def record():
        how = sampling(EngineConfig("recorded"))
        with RecordingPolicy(says_its_seed, path, model="seeds", sampling=how) as policy:
            return [await policy(QUESTION, [], seed=seed) for seed in range(3)]

    return path, asyncio.run(record())


def test_the_same_question_and_seed_get_the_same_answer(recording, tmp_path):
    path, said = recording
    with open_engine(EngineConfig("recorded", model=str(path)), log=tmp_path / "log") as policy:
        again = [asyncio.run(policy(QUESTION, [], seed=seed)) for seed in range(3)]
    assert again[0] is None
    assert again[1:] == said[1:]


def test_a_recording_stands_for_any_model(recording, tmp_path):
    path, said = recording
    config = EngineConfig("recorded", recording=str(path), model="models/base")
    with open_engine(config, log=tmp_path / "log") as policy:
        assert asyncio.run(policy(QUESTION, [], seed=1)).message == said[1].message


def test_another_question_is_an_error_and_never_an_answer(recording, tmp_path):
    config = EngineConfig("recorded", model=str(recording[0]))
    with open_engine(config, log=tmp_path / "log") as policy:
        for messages, tools, seed in [
            (QUESTION, [], 9),
            (QUESTION * 2, [], 1),
            (QUESTION, [{}], 1),
        ]:
            with pytest.raises(NotRecorded, match="record it again"):
                asyncio.run(policy(messages, tools, seed=seed))


def test_no_recording_at_the_path(tmp_path):
    with (
        pytest.raises(EngineError, match="no recording"),
        open_engine(EngineConfig("recorded", model="nothing.jsonl"), log=tmp_path / "log"),
    ):
        pass


def test_a_recording_of_other_sampling_is_refused(recording, tmp_path):
    config = EngineConfig("recorded", model=str(recording[0]), temperature=0.5)
    with (
        pytest.raises(EngineError, match="was recorded with"),
        open_engine(config, log=tmp_path / "log"),
    ):
        pass
