"""An evaluation that ended early goes on where it stopped, though DVC empties its outs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tasks.engines import EngineError, EngineSettings
from tasks.evaluate import EvaluateConfig, evaluate
from tasks.gate import GateConfig
from tests.tasks.recording import DIALOGUE, write_corpus

CONFIG = EvaluateConfig(0, {"val": 1, "test": 1}, 0.0, 4, GateConfig("arm", "success", {}))
ENGINE = EngineSettings("transformers", max_tokens=8, max_model_len=512, dtype="float32", threads=1)


def test_what_was_played_is_not_played_again(tiny_model: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    models = {"base": tiny_model, "arm": tmp_path / "arm"}
    places = {"work": tmp_path / "work", "logs": tmp_path}
    out = tmp_path / "out"
    with pytest.raises(EngineError, match="no model at"):  # after the base was played
        evaluate(CONFIG, DIALOGUE, ENGINE, models, corpus, out, **places)
    before = (out / "test" / "base" / "results.jsonl").read_bytes()

    shutil.rmtree(out)
    shutil.copytree(tiny_model, tmp_path / "arm")
    arms = evaluate(CONFIG, DIALOGUE, ENGINE, models, corpus, out, **places)
    # The times that it tells are those of the first run.
    assert (out / "test" / "base" / "results.jsonl").read_bytes() == before
    assert [len(arms[split][name].results) for split in arms for name in models] == [1] * 4
    assert not places["work"].exists()


def test_what_was_played_in_the_round_before_is_taken_from_there(
    tiny_model: Path, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path)
    places = {"work": tmp_path / "work", "logs": tmp_path}
    evaluate(CONFIG, DIALOGUE, ENGINE, {"arm": tiny_model}, corpus, tmp_path / "r1", **places)
    for split in ("val", "test"):
        shutil.copytree(tmp_path / "r1" / split / "arm", tmp_path / "kept" / split)
    again = {"r1": tmp_path / "no model is needed"}
    played = {"r1": tmp_path / "kept"}
    arms = evaluate(
        CONFIG, DIALOGUE, ENGINE, again, corpus, tmp_path / "r2", **places, played=played
    )
    assert [len(arms[split]["r1"].results) for split in ("val", "test")] == [1, 1]
    assert (tmp_path / "r2/val/r1/results.jsonl").is_file()

    shutil.rmtree(tmp_path / "kept" / "test")  # of other scenarios: all of it is played
    with pytest.raises(EngineError, match="no model at"):
        evaluate(CONFIG, DIALOGUE, ENGINE, again, corpus, tmp_path / "r3", **places, played=played)


def test_another_model_is_played_anew(tiny_model: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    shutil.copytree(tiny_model, tmp_path / "base")
    models = {"base": tmp_path / "base", "arm": tmp_path / "arm"}
    for _ in range(2):
        with pytest.raises(EngineError, match="no model at"):
            evaluate(
                CONFIG, DIALOGUE, ENGINE, models, corpus, tmp_path / "out",
                work=tmp_path / "work", logs=tmp_path,
            )  # fmt: skip
        (tmp_path / "base" / "config.json").touch()
    assert len(list((tmp_path / "work").iterdir())) == 2
