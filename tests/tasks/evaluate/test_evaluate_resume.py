"""An evaluation that ended early goes on where it stopped, though DVC empties its outs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from dialogue.errors import EngineError
from services.engines import EngineSettings
from tasks.evaluate.job import EvaluateConfig, Job
from tests.helpers.disk import synced
from tests.helpers.recording import DIALOGUE, write_corpus
from tests.helpers.recording import whole_evaluation as evaluate

CONFIG = EvaluateConfig(0, {"val": 1, "test": 1}, 0.0, 4)
ENGINE = EngineSettings("transformers", max_tokens=8, max_model_len=512, dtype="float32", threads=1)


def job_of(corpus: Path, models: Mapping[str, Path], out: Path) -> Job:
    return Job(
        config=CONFIG,
        dialogue=DIALOGUE,
        engine=ENGINE,
        models=models,
        corpus=corpus,
        out=out,
        work=out.parent / "work",
        logs=out.parent,
    )


def test_what_was_played_is_not_played_again(tiny_model: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    models = {"base": tiny_model, "arm": tmp_path / "arm"}
    out = tmp_path / "out"
    job = job_of(corpus, models, out)
    with pytest.raises(EngineError, match="no model at"):  # after the base was played
        evaluate(job)
    (played,) = job.work.glob("base-*/parts/whole/test/results.jsonl")
    before = played.read_bytes()

    shutil.copytree(tiny_model, tmp_path / "arm")
    arms = evaluate(job)
    # The times that it tells are those of the first run.
    assert (out / "test" / "base" / "results.jsonl").read_bytes() == before
    assert [len(arms[split][name].results) for split in arms for name in models] == [1] * 4
    assert not job.work.exists()


def test_what_was_played_in_the_round_before_is_taken_from_there(
    tiny_model: Path, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path)
    models = {"arm": tiny_model}
    first = job_of(corpus, models, tmp_path / "r1")
    evaluate(first)
    for split in ("val", "test"):
        shutil.copytree(tmp_path / "r1" / split / "arm", tmp_path / "kept" / split)
    second = replace(
        first,
        models={"r1": tmp_path / "no model is needed"},
        out=tmp_path / "r2",
        played={"r1": tmp_path / "kept"},
    )
    arms = evaluate(second)
    assert [len(arms[split]["r1"].results) for split in ("val", "test")] == [1, 1]
    assert (tmp_path / "r2/val/r1/results.jsonl").is_file()

    shutil.rmtree(tmp_path / "kept" / "test")  # of other scenarios: all of it is played
    with pytest.raises(EngineError, match="no model at"):
        evaluate(replace(second, out=tmp_path / "r3"))


def test_the_results_are_on_the_disk_before_the_work_goes(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(write_corpus(tmp_path), {"base": tiny_model}, tmp_path / "out")
    seen = synced(monkeypatch)
    last: list[Path] = []
    rmtree = shutil.rmtree

    def noted(path: Path, **how: bool) -> None:
        if path == job.work:
            last.extend(seen)
        rmtree(path, **how)

    monkeypatch.setattr(shutil, "rmtree", noted)
    evaluate(job)
    assert set(job.out.rglob("*")) <= set(last)
    assert not job.work.exists()


def test_another_model_is_played_anew(tiny_model: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    shutil.copytree(tiny_model, tmp_path / "base")
    models = {"base": tmp_path / "base", "arm": tmp_path / "arm"}
    job = job_of(corpus, models, tmp_path / "out")
    for _ in range(2):
        with pytest.raises(EngineError, match="no model at"):
            evaluate(job)
        (tmp_path / "base" / "config.json").touch()
    assert len(list((tmp_path / "work").iterdir())) == 2
