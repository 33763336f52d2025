"""The base policy's two trainings, at toy size."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from flows import params
from tasks.bootstrap import job as bootstrap
from tasks.bootstrap import pretrained
from tasks.bootstrap.job import BootstrapConfig, Imitation
from tasks.bootstrap.lessons import Lessons
from tasks.train.job import Trained
from tasks.train.recipe import TrainError
from tests.helpers.recording import write_corpus
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.scenario import take_last


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


def make(
    config: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, base: Path
) -> dict[str, Trained]:
    work = base.parent / "work"
    return bootstrap.make_base(config, dialogue, corpus, base, source="synthetic", work=work)


def test_the_expert_is_imitated_first_and_noisy_demonstrations_then(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    trained = make(toy, dialogue, corpus, tmp_path / "base")
    assert list(trained) == ["pretraining", "finetuning"]
    assert (tmp_path / "base" / "model.safetensors").exists()


@pytest.mark.slow
def test_what_was_finished_is_made_again_the_same(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    """As by `dvc repro --force`, or after a kill before DVC took the base."""
    bases = [tmp_path / name for name in ("first", "again")]
    for base in bases:
        make(toy, dialogue, corpus, base)
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

    monkeypatch.setattr(bootstrap, "_train_on", killed)
    with pytest.raises(KeyboardInterrupt):
        make(toy, dialogue, corpus, tmp_path / "base")
    monkeypatch.undo()
    assert not (tmp_path / "base").exists()
    with caplog.at_level(logging.INFO):
        make(toy, dialogue, corpus, tmp_path / "base")
    assert "the pretraining was finished before" in caplog.text
    assert (tmp_path / "base" / "model.safetensors").exists()


def test_without_finetuning_the_pretrained_model_is_the_base(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, finetuning=replace(toy.finetuning, scenarios=0))
    trained = make(config, dialogue, corpus, tmp_path / "base")
    assert list(trained) == ["pretraining"]
    assert (tmp_path / "base" / "model.safetensors").exists()


def test_smollm2_without_lessons_is_taken_as_it_is(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = AutoModelForCausalLM.from_pretrained(tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    monkeypatch.setattr(bootstrap, "load_smollm2", lambda: (tiny, tokenizer))
    plain = replace(toy, kind="smollm2")
    base = tmp_path / "base"
    assert not make(plain, dialogue, corpus, base)
    weights = AutoModelForCausalLM.from_pretrained(base).state_dict()
    assert all(weights[name].equal(value) for name, value in tiny.state_dict().items())
    assert AutoTokenizer.from_pretrained(base).chat_template == tokenizer.chat_template


@pytest.fixture
def published(toy: BootstrapConfig, tiny_model: Path, tmp_path: Path) -> BootstrapConfig:
    """A model in a folder, with room for a dialogue, and two lessons for it."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "published"))
    config = json.loads((folder / "config.json").read_text())
    longer = config | {"max_position_embeddings": toy.model.max_length}
    (folder / "config.json").write_text(json.dumps(longer))
    trl = {**toy.lessons.trl, "report_to": "none", "max_steps": 1, "warmup_steps": 0}
    lessons = Lessons(2, trl)
    return replace(toy, kind="pretrained", pretrained=str(folder), lessons=lessons)


def weights_of(base: Path) -> dict[str, Any]:
    weights: dict[str, Any] = AutoModelForCausalLM.from_pretrained(base).state_dict()
    return weights


def test_any_model_may_be_shown_lessons_first(
    published: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    assert list(make(published, dialogue, corpus, base)) == ["lessons"]
    before, after = weights_of(Path(published.pretrained)), weights_of(base)
    assert {name: one.shape for name, one in after.items()} == {
        name: one.shape for name, one in before.items()
    }
    assert not all(one.equal(before[name]) for name, one in after.items())
    assert not list((tmp_path / "work").glob("published*")), "gigabytes are not kept twice"


def test_lessons_that_were_killed_go_on_with_the_model_that_is_there(
    published: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    fetched: list[str] = []

    def noted(model: str, out: Path) -> None:
        fetched.append(model)
        pretrained.fetch_pretrained(model, out)

    monkeypatch.setattr(bootstrap, "fetch_pretrained", noted)
    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "_train_on", killed)
        with pytest.raises(KeyboardInterrupt):
            make(published, dialogue, corpus, tmp_path / "base")
    make(published, dialogue, corpus, tmp_path / "base")
    assert len(fetched) == 1
    (Path(published.pretrained) / "README.md").write_text("another revision")
    make(published, dialogue, corpus, tmp_path / "base")
    assert len(fetched) == 2


def test_lessons_are_shown_as_the_engine_will_show_dialogues(
    published: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    template = Path(published.pretrained) / "chat_template.jinja"
    template.write_text("{{ raise_exception(mood) if mood }}" + template.read_text())
    make(published, dialogue, corpus, tmp_path / "base")
    with pytest.raises(Exception, match="grumpy"):
        bootstrap.make_base(
            published,
            dialogue,
            corpus,
            tmp_path / "other",
            source="synthetic",
            work=tmp_path / "work",
            template_kwargs={"mood": "grumpy"},
        )


def test_where_the_city_is_real_lessons_are_of_an_invented_one(
    published: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played: list[Any] = []
    show = bootstrap.demonstrations

    def noted(noise: float, *rest: Any) -> list[dict[str, Any]]:
        played.append((noise, *rest))
        return show(noise, *rest)

    monkeypatch.setattr(bootstrap, "demonstrations", noted)
    for source in ("synthetic", "multiwoz24"):
        base, work = tmp_path / source, tmp_path / f"work-{source}"
        bootstrap.make_base(published, dialogue, corpus, base, source=source, work=work)
    (_, _, world, own, _), (noise, _, city, invented, _) = played
    assert own == take_last(corpus, "train", 2)
    assert len(invented) == 2
    assert not {one.instructions for one in own} & {one.instructions for one in invented}
    assert (city.mode, noise) == (world.mode, 0.0)


def test_an_embedded_model_needs_its_pretraining(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, pretraining=_few(toy.pretraining, 0))
    with pytest.raises(ValueError, match=r"bootstrap\.pretraining\.scenarios is 0"):
        make(config, dialogue, corpus, tmp_path / "base")


def test_another_noise_rate_does_not_cost_the_pretraining_anew(
    toy: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make(toy, dialogue, corpus, tmp_path / "base")
    noisier = replace(toy, finetuning=replace(toy.finetuning, noise=1.0))
    with caplog.at_level(logging.INFO):
        make(noisier, dialogue, corpus, tmp_path / "base")
    assert "the pretraining was finished before" in caplog.text


def test_a_training_that_the_train_split_is_too_small_for_is_not_begun(
    toy: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, tmp_path: Path
) -> None:
    config = replace(toy, finetuning=replace(toy.finetuning, scenarios=2))
    with pytest.raises(ValueError, match=r"the train split has 3 scenarios, .* asks for 4"):
        make(config, dialogue, corpus, tmp_path / "base")


@pytest.mark.parametrize(
    ("kind", "shown"), [("embedded", 3), ("smollm2", 2), ("pretrained", 2), ("endpoint", 0)]
)
def test_only_demonstrations_take_scenarios_from_the_harvest(
    toy: BootstrapConfig, kind: Any, shown: int
) -> None:
    assert replace(toy, kind=kind, lessons=Lessons(2)).demonstrated == shown


def test_an_option_that_cannot_work_is_refused_before_anything_is_demonstrated(
    toy: BootstrapConfig, dialogue: DialogueConfig, tmp_path: Path
) -> None:
    later = replace(toy.finetuning, trl={"push_to_hub": True})
    with pytest.raises(TrainError, match="push_to_hub"):
        make(replace(toy, finetuning=later), dialogue, tmp_path, tmp_path / "out")
