"""The card says what the run was, and the Hub's own parser reads it."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard

from tasks.register.model_card import card
from toolwoz.evaluation.metrics import summarise
from toolwoz.evaluation.runs.result import Result

SETTINGS = {
    "bootstrap": {"kind": "embedded", "pretrained": "", "seed": 4},
    "harvest": {"scenarios": 17},
}
RECIPE = {"method": "kto", "trl": {"learning_rate": 5e-7}, "lora": {"r": 3}}
GATE = {"start": "base", "candidate": "kto", "decision": "promoted", "reason": "it gained"}
ROUNDS = {"r1": GATE, "r2": {"stopped": {"round": "r1", "reason": "no gain"}}}


def metrics(value):
    nothing = {"value": None, "low": None, "high": None}
    measured = {"value": value, "low": value - 0.1, "high": value + 0.1}
    return {"reward": measured, "success": nothing, "dialogues": 40, "unscored": 3}


RECORD = {
    "arms": {"base": {"test": metrics(0.2)}, "r1/kto": {"test": metrics(0.5)}},
    "rounds": ROUNDS,
}


def written(adapter_base=None, **bootstrap):
    settings = {**SETTINGS, "bootstrap": {**SETTINGS["bootstrap"], **bootstrap}}
    hashes = {"data/trees": "abc123"}
    return ModelCard(card("r1/kto", RECORD, settings, RECIPE, hashes, adapter_base))


def test_it_holds_scores_with_intervals_data_and_values():
    text = written().text
    assert "| r1/kto | test | reward | 0.500 [0.400, 0.600] | 40 | 3 |" in text
    assert "| base | test | reward | 0.200 [0.100, 0.300] | 40 | 3 |" in text
    assert "| r1/kto | test | success | not measured | 40 | 3 |" in text
    assert "| data/trees | abc123 |" in text
    assert "| r1 | base | kto | promoted | it gained |" in text
    for value in ('"learning_rate": 5e-07', '"r": 3', '"scenarios": 17', '"seed": 4', "it gained"):
        assert value in text


@pytest.mark.parametrize(
    ("kind", "pretrained", "licence", "base"),
    [
        ("embedded", "", "mit", None),
        ("smollm2", "", "apache-2.0", None),
        ("pretrained", "Qwen/Qwen3-8B", "other", "Qwen/Qwen3-8B"),
        ("pretrained", "Qwen/Qwen3-8B@abc", "other", "Qwen/Qwen3-8B"),
        ("pretrained", "/some/folder/of/mine", "other", None),
    ],
)
def test_licence_and_base_follow_from_how_the_base_was_made(kind, pretrained, licence, base):
    data = written(kind=kind, pretrained=pretrained).data
    assert (data.license, data.base_model) == (licence, base)
    assert "kto" in data.tags


def test_it_reads_the_evaluations_own_figures():
    none = summarise(list[Result]()).to_json()
    record = {"arms": {"r1/kto": {"val": none}}, "rounds": ROUNDS}
    assert "| r1/kto | val | reward | not measured | 0 | 0 |" in card(
        "r1/kto", record, SETTINGS, RECIPE, {}, None
    )


@pytest.mark.parametrize(
    ("adapter_base", "loaded"),
    [
        (None, None),
        ("base", '"policy/model/base"'),
        ("owner/base@abc", '"owner/base", revision="abc"'),
    ],
)
def test_it_says_what_a_lora_is_loaded_onto(adapter_base, loaded):
    text = written(adapter_base).text
    assert "vllm serve policy/model" in text
    assert ("policy/model/adapter" in text) == (loaded is not None)
    assert loaded is None or f"from_pretrained({loaded})" in text
