"""The base policy's two trainings, at toy size."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from flows import params
from tasks.bootstrap import job as bootstrap
from tasks.bootstrap.job import BootstrapConfig, Imitation
from tasks.train.recipe import TrainError
from tests.helpers.recording import write_corpus
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
        pretraining=_few(config.pretraining, 2),
        finetuning=_few(config.finetuning, 1),
    )


def _few(training: Imitation, scenarios: int) -> Imitation:
    trl = {**training.trl, "report_to": "none", "max_steps": 1, "warmup_steps": 0}
    return replace(training, scenarios=scenarios, trl=trl)


def _stands_for_smollm2(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    tiny = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    monkeypatch.setattr(bootstrap, "load_smollm2", lambda: tiny)
    return tiny


def test_the_expert_is_imitated_first_and_noisy_demonstrations_then(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    trained = bootstrap.make_base(toy, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    assert list(trained) == ["pretraining", "finetuning"]
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


def test_a_pretraining_that_a_killed_run_finished_is_not_done_again(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "_finetune", killed)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.make_base(toy, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    monkeypatch.undo()
    assert not (tmp_path / "base").exists()
    with caplog.at_level(logging.INFO):
        bootstrap.make_base(toy, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    assert "the pretraining was finished before" in caplog.text
    assert (tmp_path / "base" / "model.safetensors").exists()


def test_without_finetuning_the_pretrained_model_is_the_base(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, finetuning=replace(toy.finetuning, scenarios=0))
    trained = bootstrap.make_base(
        config, dialogue, corpus, tmp_path / "base", work=tmp_path / "work"
    )
    assert list(trained) == ["pretraining"]
    assert (tmp_path / "base" / "model.safetensors").exists()


def test_smollm2_without_demonstrations_is_taken_as_it_is(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = _stands_for_smollm2(tiny_model, monkeypatch)
    plain = replace(toy, kind="smollm2", pretraining=_few(toy.pretraining, 0))
    plain = replace(plain, finetuning=_few(toy.finetuning, 0))
    base = tmp_path / "base"
    assert not bootstrap.make_base(plain, dialogue, corpus, base, work=tmp_path / "work")
    weights = AutoModelForCausalLM.from_pretrained(base).state_dict()
    assert all(weights[name].equal(value) for name, value in tiny[0].state_dict().items())
    assert AutoTokenizer.from_pretrained(base).chat_template == tiny[1].chat_template


def test_smollm2_may_be_finetuned_without_pretraining(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = _stands_for_smollm2(tiny_model, monkeypatch)
    tiny[0].config.max_position_embeddings = toy.model.max_length
    plain = replace(toy, kind="smollm2", pretraining=_few(toy.pretraining, 0))
    base, work = tmp_path / "base", tmp_path / "work"
    assert list(bootstrap.make_base(plain, dialogue, corpus, base, work=work)) == ["finetuning"]
    weights = AutoModelForCausalLM.from_pretrained(base).state_dict()
    before = tiny[0].state_dict()
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in before.items()
    }
    assert not all(value.equal(before[name]) for name, value in weights.items())


def test_an_embedded_model_needs_its_pretraining(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, pretraining=_few(toy.pretraining, 0))
    with pytest.raises(ValueError, match=r"bootstrap\.pretraining\.scenarios is 0"):
        bootstrap.make_base(config, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")


def test_another_noise_rate_does_not_cost_the_pretraining_anew(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bootstrap.make_base(toy, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    noisier = replace(toy, finetuning=replace(toy.finetuning, noise=1.0))
    with caplog.at_level(logging.INFO):
        bootstrap.make_base(noisier, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")
    assert "the pretraining was finished before" in caplog.text


def test_a_training_that_the_train_split_is_too_small_for_is_not_begun(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, finetuning=replace(toy.finetuning, scenarios=2))
    with pytest.raises(ValueError, match=r"the train split has 3 scenarios, .* asks for 4"):
        bootstrap.make_base(config, dialogue, corpus, tmp_path / "base", work=tmp_path / "work")


@pytest.mark.parametrize(("kind", "shown"), [("embedded", 3), ("smollm2", 3), ("pretrained", 0)])
def test_only_demonstrations_take_scenarios_from_the_harvest(
    toy: BootstrapConfig, kind: str, shown: int
) -> None:
    assert replace(toy, kind=kind).demonstrated == shown


def test_an_option_that_cannot_work_is_refused_before_anything_is_demonstrated(
    toy: BootstrapConfig, dialogue: DialogueConfig, tmp_path: Path
) -> None:
    later = replace(toy.finetuning, trl={"push_to_hub": True})
    with pytest.raises(TrainError, match="push_to_hub"):
        bootstrap.make_base(
            replace(toy, finetuning=later), dialogue, tmp_path, tmp_path / "out", work=tmp_path
        )
