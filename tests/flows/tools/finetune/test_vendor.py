"""A model behind a vendor's endpoint goes through the pipeline: all but the training is here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dialogue.errors import EngineError
from flows.tools.finetune.__main__ import main
from services import endpoint_model
from services.engines import EngineSettings
from tasks.bootstrap import job as bootstrap
from tasks.evaluate import job as evaluate
from tasks.extract import job as extract
from tasks.rounds.start import start_from
from tasks.train.job import Arm, Holdout, TrainConfig, TrainError, train_arm
from tests.flows.tools.finetune.vendor import BASE, KEY, TUNED, Vendor, vendor
from tests.helpers.recording import (
    DIALOGUE,
    SETS,
    job,
    whole_evaluation,
    whole_harvest,
    write_corpus,
)
from toolwoz.world.world import World

EVALUATE = evaluate.EvaluateConfig(
    seed=1,
    scenarios={"val": 1, "test": 1},
    temperature=0.0,
    concurrency=4,
    traces=0,
)


def settings(server: Vendor) -> EngineSettings:
    return EngineSettings("endpoint", urls=(server.url,), api_key_env="VENDOR_KEY", timeout=10.0)


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    """The base as bootstrap makes it, and what the vendor made of it."""
    none = bootstrap.Imitation(0, 0.0)
    size = bootstrap.EmbeddedConfig(0, 0, 0, 0, 0, 0, 0)
    folders = {"base": tmp_path / "models" / "base", "tuned": tmp_path / "models" / "tuned"}
    for folder, name in zip(folders.values(), (BASE, TUNED), strict=True):
        config = bootstrap.BootstrapConfig(
            "endpoint", name, 0, bootstrap.Lessons(0), size, none, none
        )
        assert not bootstrap.make_base(
            config, DIALOGUE, tmp_path, folder, source="", work=tmp_path / "w"
        )
    return folders


@pytest.mark.slow
def test_it_is_harvested_exported_and_evaluated(
    tmp_path: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENDOR_KEY", KEY)
    corpus = write_corpus(tmp_path)
    trees, sets = tmp_path / "trees", tmp_path / "sets"
    with vendor(World.load(corpus)) as server:
        engine = settings(server)
        search = replace(job(corpus, models["base"], tmp_path), engine=engine)
        found = whole_harvest(search, trees)["josh"]
        arms = whole_evaluation(
            evaluate.Job(
                config=EVALUATE,
                dialogue=DIALOGUE,
                engine=engine,
                models=models,
                corpus=corpus,
                out=tmp_path / "out",
                work=tmp_path / "work",
                logs=tmp_path / "logs",
            )
        )
    assert (found.trees, found.faults) == (3, 0)
    assert found.prompt_tokens == 100 * found.calls
    assert found.golden > 0
    assert {body["model"] for body in server.asked} == {BASE, TUNED}
    assert all(body["tools"] and body["tool_choice"] == "auto" for body in server.asked)
    assert server.refused == 0
    for split in ("val", "test"):
        assert [result.error for result in arms[split]["tuned"].results] == [None]
        assert arms[split]["tuned"].metrics.success.value == 1.0
    extract.extract_sets(SETS, trees, sets)
    for name in ("sft", "dpo"):
        rows = (sets / f"{name}.jsonl").read_text(encoding="utf-8")
        (sets / f"{name}.jsonl").write_text(rows * 10, encoding="utf-8")
        out = tmp_path / f"{name}.jsonl"
        arguments = ["export", str(sets / f"{name}.jsonl"), "--out", str(out), "--encoding", ""]
        assert main(arguments) == 0
        assert len(out.read_text(encoding="utf-8").splitlines()) >= 10


def test_a_key_that_is_wrong_stops_it_before_any_dialogue(
    tmp_path: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENDOR_KEY", "sk-wrong")
    corpus = write_corpus(tmp_path)
    with vendor(World.load(corpus)) as server:
        search = replace(job(corpus, models["base"], tmp_path), engine=settings(server))
        with pytest.raises(EngineError, match="401") as refusal:
            whole_harvest(search, tmp_path / "trees")
    assert (server.refused, server.asked) == (1, [])
    assert "sk-wrong" not in str(refusal.value)


def test_a_round_starts_from_it_but_does_not_train_it(
    tmp_path: Path, models: dict[str, Path]
) -> None:
    start_from(models["base"], tmp_path / "r1" / "start")
    config = TrainConfig(
        0, Holdout(0.0, 1, 0.0), 0.0, "", {"arm": Arm(method="sft", dataset="sft")}
    )
    with pytest.raises(TrainError, match=r"vendor-4o, which an endpoint.*flows\.tools\.finetune"):
        train_arm(config, "arm", tmp_path / "r1", tmp_path, work=tmp_path / "work")


def test_the_name_of_a_model_is_its_folder_unless_it_says_another(models: dict[str, Path]) -> None:
    assert endpoint_model.name_of(models["tuned"]) == TUNED
    assert endpoint_model.name_of(models["tuned"].parent) is None
    assert json.loads((models["base"] / endpoint_model.FILE).read_text()) == {"model": BASE}
