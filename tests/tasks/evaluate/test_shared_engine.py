"""An evaluation starts one engine for a base and all its LoRAs, and one for any other policy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from services.engines import EngineSettings
from services.engines.models.adapters import find
from tasks.evaluate.job import EvaluateConfig, Job
from tasks.evaluate.parts import shared
from tests.helpers.loras import write_lora
from tests.helpers.recording import DIALOGUE, write_corpus
from tests.helpers.recording import whole_evaluation as evaluate

ENGINE = EngineSettings(
    "vllm", max_tokens=8, max_model_len=512, kv_cache_gb=0.1, dtype="float32", threads=1
)


@pytest.fixture
def job(tiny_model: Path, tmp_path: Path) -> Job:
    """A base, a policy of its own weights, and three LoRAs of the base."""
    base = Path(shutil.copytree(tiny_model, tmp_path / "start"))
    full = Path(shutil.copytree(tiny_model, tmp_path / "full"))
    arms = {f"arm{i}": write_lora(base, tmp_path / f"arm{i}", seed=i) for i in range(3)}
    return Job(
        config=EvaluateConfig(0, {"val": 1, "test": 1}, 0.0, 4),
        dialogue=DIALOGUE,
        engine=ENGINE,
        models={"base": base, "full": full, **arms},
        corpus=write_corpus(tmp_path),
        out=tmp_path / "r1",
        work=tmp_path / "work",
        logs=tmp_path / "logs",
    )


def test_policies_are_told_apart_by_what_their_engine_loads(job: Job) -> None:
    arms = [f"arm{i}" for i in range(3)]
    of_base, alone = shared(job, list(job.models))
    assert of_base == {"base": None, **{name: find(job.models[name]) for name in arms}}
    assert None not in [of_base[name] for name in arms]
    assert alone == {"full": None}
    assert len(shared(job, arms)) == 1  # also where the base was evaluated before

    merged = replace(job, engine=replace(ENGINE, backend="transformers"))
    assert shared(merged, list(job.models)) == [{name: None} for name in job.models]


@pytest.mark.slow
@pytest.mark.vllm
def test_one_engine_plays_a_base_and_its_loras(job: Job) -> None:
    arms = evaluate(job)
    assert {log.name for log in job.logs.iterdir()} == {
        "evaluate-r1-base.log",
        "evaluate-r1-full.log",
    }
    assert list(arms["test"]) == list(job.models)
    said = {
        name: [str(turn) for result in arm.results for turn in result.messages]
        for name, arm in arms["test"].items()
    }
    assert said["full"] == said["base"]
    assert len(set(map(tuple, said.values()))) == 4
