"""The paper's setting in small, on a CPU: three LoRAs trained, and one engine that plays them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flows import params, paths, stage
from flows.stages.evaluate import evaluate
from flows.stages.train import train
from tasks.bootstrap.embedded import build_model, build_tokenizer
from tests.helpers.recording import RECORDING, play
from tests.helpers.tiny import TINY

pytestmark = [pytest.mark.slow, pytest.mark.vllm, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
ARMS = ("josh_sft", "josh_kto", "control")
SMALL = (
    # a CPU's
    "train.trl.use_cpu=true",
    "train.arms.josh_kto.trl.optim=adamw_torch",
    "engine.threads=1",
    "engine.kv_cache_gb=0.2",
    # a test's
    "train.trl.max_steps=2",  # the first of KTO is of its warm-up
    "train.trl.report_to=none",
    "engine.max_model_len=4096",
    "engine.max_num_seqs=4",
    "engine.max_tokens=8",
    "evaluate.scenarios={val: 1, test: 1}",
)


@pytest.fixture
def workspace(mlflow_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the stages before leave: params.yaml, a corpus, rows, and a tiny Llama as the base."""
    monkeypatch.setenv("WOZ_PREFECT", "off")
    shutil.copytree(ROOT / "configs", "configs")
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    params.change(SMALL, ["default", "paper-8b"])
    play(mlflow_root / "made", RECORDING)
    shutil.copytree("made/corpus", paths.CORPUS)
    shutil.copytree("made/datasets", paths.DATASETS / "r1")
    shutil.copy("made/datasets/sft.jsonl", paths.DATASETS / "r1" / "unfiltered.jsonl")
    size = replace(TINY, max_length=4096)
    texts = (paths.CORPUS / "scenarios.jsonl").read_text().splitlines()
    tokenizer = build_tokenizer(iter(texts), size)
    for part in (build_model(size, tokenizer, seed=0), tokenizer):
        part.save_pretrained(paths.start("r1"))
    return mlflow_root


@pytest.mark.usefixtures("workspace")
def test_one_engine_plays_the_base_and_the_loras_of_three_arms() -> None:
    for arm in ARMS:
        sections = ("train", "engine.template_kwargs")
        assert stage.run(train, sections, {"round": "r1", "arm": arm}) == 0
        folder = paths.ARMS / "r1" / "trained" / arm
        assert [one.parent.name for one in folder.rglob("*.safetensors")] == ["adapter"]
        kept = json.loads(Path(f"reports/train/r1/{arm}.json").read_text())["bfloat16_keeps"]
        assert 0 <= kept < 1
    sections = ("evaluate", "train", "dialogue", "engine", "rounds", "scale")
    assert stage.run(evaluate, sections, {"round": "r1"}) == 0
    played = json.loads(Path("reports/evaluation/r1.json").read_text())["arms"]
    assert set(played) == {"base", *ARMS}
    [engine] = paths.LOGS.glob("evaluate-r1-*.log")
    assert engine.read_text().count("Initializing a V1 LLM engine") == 1
