"""What bootstrap says of a chat template that cannot do all that the pipeline asks of one."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from tasks.bootstrap.template import shortcomings
from tests.helpers.families import FAMILIES

SAID = {
    "Llama 3": ["renders no tools: put one that does"],
    "Llama 3, after bootstrap": [],
    "Llama 3.1": ["two calls in one message", "beside a call", "does not mark"],
    "Llama 3.2": ["two calls in one message", "beside a call", "date_string", "does not mark"],
    "Qwen2.5": [],
    "Qwen3": ["answer otherwise once the dialogue has gone on: SFT will train each answer"],
    "Qwen3-Instruct-2507": [],
    "Qwen3-Coder": ["does not mark"],
    "Mistral 7B, Ministral": ["beside a call", "does not mark"],
    "SmolLM2": [],
    "SmolLM3": ["renders no tools: put one that does"],
    "Gemma 3": ["renders no tools: put one that does"],
    "FunctionGemma": ["set dialogue.system_prompt"],
    "gpt-oss": ["of a message but the first", "date_string", "marks something other"],
    "Phi-4-mini": ["that parser json does not read back", "does not mark"],
}


@pytest.mark.parametrize(("family", "said"), SAID.items())
def test_what_a_template_cannot_do(family, said):
    found = shortcomings(FAMILIES[family].tokenizer())
    assert len(found) == len(said)
    for one, part in zip(found, said, strict=True):
        assert part in one
        assert "\n" not in one


def test_the_embedded_template_can_do_everything(tiny_model):
    assert shortcomings(AutoTokenizer.from_pretrained(tiny_model)) == []
