"""A model that was never trained copies."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, set_seed

from tasks.bootstrap.embedded import ROPE_THETA
from tasks.bootstrap.induction import wire_induction


def new_model(**changes):
    set_seed(0)
    size = {
        "vocab_size": 2000,
        "hidden_size": 256,
        "intermediate_size": 768,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    rope = {"rope_type": "default", "rope_theta": ROPE_THETA}
    return LlamaForCausalLM(
        LlamaConfig(**{**size, **changes}, tie_word_embeddings=True, rope_parameters=rope)
    )


def share_copied(model, gap):
    """How often the next token is the likeliest when 40 random tokens come a second time."""
    torch.manual_seed(1)
    once, between = torch.randint(2000, (4, 40)), torch.randint(2000, (4, gap))
    tokens = torch.cat([once, between, once], 1)
    with torch.no_grad():
        likeliest = model(input_ids=tokens).logits.argmax(-1)[:, 40 + gap : -1]
    return (likeliest == tokens[:, 41 + gap :]).float().mean().item()


@pytest.mark.parametrize(("gap", "least"), [(0, 0.75), (300, 0.6)])
def test_a_wired_model_goes_on_as_before(gap, least):
    model = new_model()
    assert share_copied(model, gap) < 0.05
    wire_induction(model, seed=0)
    assert share_copied(model, gap) > least


def test_it_is_the_same_for_a_seed():
    models = [new_model(), new_model()]
    for model in models:
        wire_induction(model, seed=3)
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        assert one.equal(other)


def test_a_model_too_small_is_refused():
    with pytest.raises(ValueError, match="two layers"):
        wire_induction(new_model(num_hidden_layers=1), seed=0)
