"""Dialogues that are trained whole, and those that are trained answer by answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import Dataset

from services.engines.models.probe import TOOL
from tasks.train.guards.rendering import Renderer
from tasks.train.recipe import Holdout, Recipe, TrainError
from tasks.train.trainers import arguments, build_trainer
from tasks.train.turns import as_trained
from tests.helpers.conformance import DIALOGUE, MASKED, Subjected
from tests.helpers.families import FAMILIES

ROW = {"messages": DIALOGUE, "tools": json.dumps([TOOL]), "scenario": "S7", "node": 3}
SAMPLED = [[1], [2], [3], [4]]
SFT = Recipe("sft", "sft", MASKED)


def rows(**more):
    return Dataset.from_list([{**ROW, **more}])


def test_a_dialogue_whose_template_appends_stays_whole():
    before = rows()
    recipe, after = as_trained(SFT, before, FAMILIES["Qwen2.5"].tokenizer())
    assert after is before
    assert recipe is SFT


@pytest.mark.parametrize("family", ["Qwen3", "Llama 3.1", "Mistral Small 3", "gpt-oss"])
def test_else_each_answer_is_a_row(family, caplog):
    caplog.set_level("INFO")
    recipe, found = as_trained(SFT, rows(sampled=SAMPLED), FAMILIES[family].tokenizer())
    assert recipe.trl == {**MASKED, "assistant_only_loss": False}
    assert "SFT trains 4 answers of 1 dialogues one by one: the chat template " in caplog.text
    lengths = [len(one["prompt"]) for one in found]
    assert lengths == [at for at, one in enumerate(DIALOGUE) if one["role"] == "assistant"]
    for one, sampled in zip(found, SAMPLED, strict=True):
        assert (one["scenario"], one["node"], one["sampled"]) == ("S7", 3, [sampled])
        [completion] = one["completion"]
        assert completion["content"] == DIALOGUE[len(one["prompt"])]["content"]


@pytest.mark.parametrize("method", ["kto", "dpo"])
def test_other_methods_are_left_alone(method):
    recipe, before = Recipe(method, method), rows()
    assert as_trained(recipe, before, FAMILIES["Qwen3"].tokenizer()) == (recipe, before)


def test_answers_need_no_marks():
    """Rows of one answer, as from an extract without whole dialogues."""
    one = Dataset.from_list([{"prompt": DIALOGUE[:1], "completion": DIALOGUE[1:2], "tools": "[]"}])
    recipe, same = as_trained(SFT, one, FAMILIES["Llama 3.1"].tokenizer())
    assert same is one
    assert recipe.trl["assistant_only_loss"] is False
    assert as_trained(SFT, one, FAMILIES["SmolLM2"].tokenizer()) == (SFT, one)


def test_arguments_of_the_template_reach_training(tmp_path):
    """TRL's tokens are those of the engine's prompt, which ends in an empty thought."""
    subject = Subjected(FAMILIES["Qwen3, not thinking"])
    kwargs = subject.family.kwargs
    recipe, found = as_trained(SFT, rows(), subject.tokenizer, kwargs)
    args = arguments(recipe, Path(tmp_path), 0, watched=False)
    trainer = build_trainer(
        recipe, args, found, None, subject.model(), subject.tokenizer, Holdout(), kwargs
    )
    renderer = Renderer(subject.family.tokenizer(), masked=False, kwargs=kwargs)
    guarded = [text for one in found for text in renderer.texts(one, "")]
    assert [one["input_ids"] for one in trainer.train_dataset] == [text.ids for text in guarded]
    for text in guarded:
        prompt = subject.tokenizer.decode(text.prompt)
        assert prompt.endswith("<think>\n\n</think>\n\n")
        assert text.spans == [(len(text.prompt), len(text.ids))]


def test_a_dialogue_that_the_template_refuses_is_one_line():
    wrong = [DIALOGUE[0], {**DIALOGUE[1], "tool_calls": DIALOGUE[1]["tool_calls"] * 2}]
    renderer = Renderer(FAMILIES["Llama 3.1"].tokenizer(), masked=False)
    with pytest.raises(TrainError, match="template refuses a dialogue: This model only supports"):
        list(renderer.texts({**ROW, "messages": wrong}, "row 1"))
