"""Models and options whose rows are not packed, each with a reason."""

from __future__ import annotations

import logging
from copy import deepcopy

import pytest
import torch
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3NextConfig,
)
from trl.trainer.utils import add_fused_lm_head

from tasks.train.packing.reasons import of_model, probe
from tasks.train.recipe import Holdout, Recipe
from tasks.train.trainers import arguments, build_trainer
from tests.helpers.branching import dialogue_rows
from tests.helpers.tiny import TRL

SIZE = {
    "vocab_size": 80,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.2,
}
DYNAMIC = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
PACKED = {
    "Llama": LlamaConfig(**SIZE),
    "Qwen2": Qwen2Config(**SIZE),
    "Qwen3": Qwen3Config(**SIZE, head_dim=8),
    "Mistral, full": MistralConfig(**SIZE, sliding_window=None),
    "GPT-2": GPT2Config(vocab_size=80, n_embd=32, n_layer=2, n_head=4),
}
REFUSED = {
    "Qwen2, sliding": (
        Qwen2Config(**SIZE, use_sliding_window=True, sliding_window=8, max_window_layers=1),
        "layers are of the kind sliding_attention",
    ),
    "Gemma 2": (Gemma2Config(**SIZE, head_dim=8), "layers are of the kind sliding_attention"),
    "Mistral": (MistralConfig(**SIZE, sliding_window=8), "attention slides"),
    "Bloom": (BloomConfig(vocab_size=80, hidden_size=32, n_layer=2, n_head=4), "no positions"),
    "Mamba": (MambaConfig(vocab_size=80, hidden_size=32, num_hidden_layers=2), "linear_attention"),
    "Qwen3-Next": (Qwen3NextConfig(**SIZE, layer_types=["linear_attention"] * 2), "linear"),
    "Llama, dynamic": (LlamaConfig(**SIZE, rope_parameters=DYNAMIC), "the longest text"),
}


def made(config):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(deepcopy(config), dtype=torch.float32)
    add_fused_lm_head(model)
    return model


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_models_that_attend_to_all_are_packed(name, dtype):
    model = made(PACKED[name]).to(dtype)
    own = model.forward
    assert of_model(model) == ""
    assert model.forward == own


@pytest.mark.parametrize("name", REFUSED)
def test_models_that_a_mask_cannot_express_are_not(name):
    config, reason = REFUSED[name]
    assert reason in of_model(made(config))


@pytest.mark.parametrize("attention", ["flash_attention_2", "flex_attention", "paged|sdpa"])
def test_an_attention_that_takes_no_mask_is_named(attention):
    model = made(PACKED["Llama"])
    model.config._attn_implementation_internal = attention
    assert attention in of_model(model)


def test_a_state_that_no_configuration_tells_of_is_found():
    model = made(PACKED["Llama"])
    assert probe(model) < 1e-5
    layer = model.model.layers[0].mlp
    layer.register_forward_hook(lambda _m, _i, out: out + out.roll(1, dims=1))
    assert "answers then differ" in of_model(model)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ({"neftune_noise_alpha": 5.0}, "noise is added"),
        ({"auto_find_batch_size": True}, "auto_find_batch_size is set"),
        ({"label_smoothing_factor": 0.1}, "label smoothing"),
        ({"packing": True, "max_length": 64}, "TRL's packing"),
    ],
)
def test_options_that_packing_would_change_are_named(tiny_model, tmp_path, caplog, option, reason):
    caplog.set_level(logging.INFO, "tasks.train")
    recipe = Recipe("sft", "sft", {**TRL, **option})
    trainer = build_trainer(
        recipe,
        arguments(recipe, tmp_path, 0, watched=False),
        Dataset.from_list(dialogue_rows("sft", 1, seed=0)),
        None,
        str(tiny_model),
        AutoTokenizer.from_pretrained(tiny_model),
        Holdout(),
        trees=tmp_path,
    )
    assert trainer.forward is None
    assert f"packing: rows, as {reason}" in caplog.text
