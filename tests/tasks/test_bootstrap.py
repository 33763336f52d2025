"""The base policy's two courses of lessons, at toy size."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from flows import params
from tasks.bootstrap import job as bootstrap
from tasks.bootstrap.job import BootstrapConfig, Lessons
from tests.tasks.recording import write_corpus
from toolwoz.users.dialogues import DialogueConfig


@pytest.fixture
def dialogue() -> DialogueConfig:
    return params.load_section("dialogue")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path)


@pytest.fixture
def toy() -> BootstrapConfig:
    config: BootstrapConfig = params.load_section("bootstrap")
    return replace(
        config,
        model=replace(config.model, vocab_size=512, hidden_size=32, intermediate_size=32, layers=2),
        apprenticeship=_few(config.apprenticeship, 2),
        employment=_few(config.employment, 1),
    )


def _few(lessons: Lessons, scenarios: int) -> Lessons:
    trl = {**lessons.trl, "report_to": "none", "max_steps": 1, "warmup_steps": 0}
    return replace(lessons, scenarios=scenarios, trl=trl)


def _stands_for_smollm2(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    tiny = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    monkeypatch.setattr(bootstrap, "load_smollm2", lambda: tiny)
    return tiny


def test_skill_comes_first_and_habits_then(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    trained = bootstrap.make_base(toy, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    assert list(trained) == ["apprenticeship", "employment"]
    assert (tmp_path / "base" / "model.safetensors").exists()


def test_what_was_finished_is_made_again_the_same(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    """As by `dvc repro --force`, or after a kill before DVC took the base."""
    bases = [tmp_path / name for name in ("first", "again")]
    for base in bases:
        bootstrap.make_base(toy, dialogue, corpus, base, work=tmp_path / "work")
    weights = [(base / "model.safetensors").read_bytes() for base in bases]
    assert weights[0] == weights[1]


def test_an_apprenticeship_that_a_killed_run_finished_is_not_served_again(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "_employment", killed)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.make_base(toy, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    monkeypatch.undo()
    assert not (tmp_path / "base").exists()
    with caplog.at_level(logging.INFO):
        bootstrap.make_base(toy, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    assert "the apprenticeship was finished before" in caplog.text
    assert (tmp_path / "base" / "model.safetensors").exists()


def test_without_employment_the_apprentice_is_the_base(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, employment=replace(toy.employment, scenarios=0))
    trained = bootstrap.make_base(
        config, dialogue, corpus, tmp_path / "base", work=tmp_path / "work"
    )
    assert list(trained) == ["apprenticeship"]
    assert (tmp_path / "base" / "model.safetensors").exists()


def test_smollm2_without_lessons_is_taken_as_it_is(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = _stands_for_smollm2(tiny_model, monkeypatch)
    untaught = replace(toy, kind="smollm2", apprenticeship=_few(toy.apprenticeship, 0))
    untaught = replace(untaught, employment=_few(toy.employment, 0))
    base = tmp_path / "base"
    assert not bootstrap.make_base(untaught, dialogue, corpus, base, work=tmp_path / "work")
    weights = AutoModelForCausalLM.from_pretrained(base).state_dict()
    assert all(weights[name].equal(value) for name, value in tiny[0].state_dict().items())
    assert AutoTokenizer.from_pretrained(base).chat_template == tiny[1].chat_template


def test_smollm2_may_be_employed_without_an_apprenticeship(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = _stands_for_smollm2(tiny_model, monkeypatch)
    tiny[0].config.max_position_embeddings = toy.model.max_length
    untaught = replace(toy, kind="smollm2", apprenticeship=_few(toy.apprenticeship, 0))
    base, work = tmp_path / "base", tmp_path / "work"
    assert list(bootstrap.make_base(untaught, dialogue, corpus, base, work=work)) == ["employment"]
    weights = AutoModelForCausalLM.from_pretrained(base).state_dict()
    before = tiny[0].state_dict()
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in before.items()
    }
    assert not all(value.equal(before[name]) for name, value in weights.items())


def test_an_embedded_model_needs_its_apprenticeship(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, apprenticeship=_few(toy.apprenticeship, 0))
    with pytest.raises(ValueError, match=r"bootstrap\.apprenticeship\.scenarios is 0"):
        bootstrap.make_base(config, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")


def test_other_habits_do_not_cost_the_apprenticeship_anew(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bootstrap.make_base(toy, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    hasty = replace(toy, employment=replace(toy.employment, hurry=1.0))
    with caplog.at_level(logging.INFO):
        bootstrap.make_base(hasty, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    assert "the apprenticeship was finished before" in caplog.text


def test_lessons_that_the_train_split_is_too_small_for_are_not_begun(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, employment=replace(toy.employment, scenarios=2))
    with pytest.raises(ValueError, match=r"the train split has 3 scenarios, .* asks for 4"):
        bootstrap.make_base(config, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")


@pytest.mark.parametrize(("kind", "shown"), [("embedded", 3), ("smollm2", 3), ("pretrained", 0)])
def test_only_lessons_take_scenarios_from_the_harvest(
    toy: BootstrapConfig, kind: str, shown: int
) -> None:
    assert replace(toy, kind=kind).demonstrated == shown
