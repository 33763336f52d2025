"""The estimate of a training run's memory, against sizes that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.train.memory import GIB, estimate
from tasks.train.recipe import Recipe
from tasks.train.trainers import arguments


def test_memory_of_an_8b_model():
    """Llama-3-8B: 8.03 B weights, of which the 42 M of a LoRA of rank 16 are trained."""
    from transformers import LlamaConfig

    llama = LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336,
        num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
    )  # fmt: skip
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora = {"r": 16, "target_modules": modules}
    trl = {
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "per_device_train_batch_size": 1,
        "model_init_kwargs": {"dtype": "bfloat16"},
    }

    def gib(method="sft", lora=lora, quantization=None, shards=1):
        recipe = Recipe(method, method, trl, lora, quantization or {})
        args = arguments(recipe, Path("work"), 0, watched=False)
        return estimate(llama, recipe, args, 2048, shards)

    plain = gib()
    assert plain.weights == pytest.approx(8.03e9 * 2 / GIB, rel=0.01)
    assert plain.gradients == pytest.approx(41.9e6 * 4 / GIB, rel=0.01)
    assert plain.reference == 0
    assert gib(quantization={"load_in_4bit": True}).weights < plain.weights / 2.5
    full = gib("dpo", lora={})
    assert full.reference == full.weights
    assert full.optimizer == pytest.approx(2 * full.weights, rel=0.01)
    assert gib(shards=2).weights == pytest.approx(plain.weights / 2)
    assert str(plain).endswith("activations " + f"{plain.activations:.1f})")
