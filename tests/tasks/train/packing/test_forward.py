"""A packed forward has the answers and the gradients of TRL's padded one."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config
from trl.trainer.utils import add_fused_lm_head

from tasks.train.packing.forward import FIELDS, TreeForward
from tasks.train.packing.reasons import bare
from tests.helpers.branching import branching, masks

SIZE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.2,  # else the context says next to nothing
}
LORA = LoraConfig(
    task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False
)
KINDS = {
    "Llama": (LlamaConfig, "sdpa", False),
    "Llama, eager": (LlamaConfig, "eager", False),
    "Llama, LoRA": (LlamaConfig, "sdpa", True),
    "Qwen2": (Qwen2Config, "sdpa", False),
    "Qwen2, checkpoints": (Qwen2Config, "sdpa", False),
}


def made(kind):
    torch.manual_seed(0)
    config, attention, lora = KINDS[kind]
    model = AutoModelForCausalLM.from_config(
        config(**SIZE), attn_implementation=attention, dtype=torch.float32
    )
    add_fused_lm_head(model, outputs=FIELDS)
    if "checkpoints" in kind:
        model.gradient_checkpointing_enable()
    return get_peft_model(model, LORA) if lora else model


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return made(request.param)


def batch(seed, rows):
    chance = random.Random(seed)
    texts = branching(chance, rows, 61, 14)
    width = max(map(len, texts))
    ids = torch.zeros(rows, width, dtype=torch.long)
    labels = torch.full((rows, width), -100)
    mask = torch.zeros(rows, width, dtype=torch.long)
    for row, (text, own) in enumerate(zip(texts, masks(chance, texts), strict=True)):
        ids[row, : len(text)] = torch.tensor(text)
        labels[row, own] = ids[row, own]
        mask[row, : len(text)] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def gradients(model, output, weights):
    """The gradients of a chance function of the log-probabilities."""
    model.zero_grad()
    (output.log_probs * weights).sum().backward()
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.requires_grad}


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 9), at_once=st.sampled_from([1, 2, 100]))
def test_answers_and_gradients_are_those_of_rows(model, seed, rows, at_once):
    asked = batch(seed, rows)
    if not (asked["labels"] != -100).any():
        return
    weights = torch.randn(rows, asked["labels"].shape[1] - 1) / asked["labels"].numel()
    model.train()
    rowwise = model(**asked, fused_lm_head=True)
    expected = gradients(model, rowwise, weights)
    inner = bare(model)
    own = inner.forward
    packed = TreeForward(inner, at_once)
    try:
        output = packed.of_pieces(packed.plan(asked), asked)
        found = gradients(model, output, weights)
    finally:
        packed.remove()
        inner.forward = own
    for name in (*FIELDS, "label_mask", "loss"):
        one, other = getattr(rowwise, name), getattr(output, name)
        if one.is_floating_point():
            assert torch.allclose(one, other, atol=1e-5, rtol=1e-5), name
        else:
            assert one.equal(other), name
    for name, one in expected.items():
        assert torch.allclose(one, found[name], atol=1e-5, rtol=1e-4), name


def test_the_model_answers_any_other_question_as_before():
    model = made("Llama")
    asked = batch(3, 4)
    rows = {name: asked[name] for name in ("input_ids", "attention_mask")}
    expected = model(**rows).logits
    TreeForward(model, 1)
    assert model(**rows).logits.equal(expected)


def test_rows_that_share_next_to_nothing_are_not_packed():
    model = made("Llama")
    ids = torch.arange(1, 41).view(2, 20)
    asked = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    expected = model(**asked, fused_lm_head=True).log_probs
    packed = TreeForward(model, 2)
    assert model(**asked, fused_lm_head=True).log_probs.equal(expected)
    assert (packed.asked, packed.computed) == (40, 40)


def test_only_distinct_tokens_are_computed():
    model = made("Llama")
    ids = torch.cat([torch.arange(1, 31).repeat(8, 1), torch.arange(31, 39)[:, None]], 1)
    labels = ids.clone()
    labels[:, :30] = -100
    packed = TreeForward(model, 8)
    model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, fused_lm_head=True)
    assert (packed.asked, packed.computed) == (8 * 31, 30)
