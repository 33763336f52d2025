"""What is trained is what the engine samples after, for every template and every method."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoTokenizer
from trl import chat_template_utils

from services.engines import local
from services.engines.config import EngineConfig
from services.engines.local import LocalPolicy
from services.engines.loop import Sample
from tasks.bootstrap import embedded, pretrained
from tasks.train.guards.rendering import Renderer
from tasks.train.recipe import Holdout, Recipe
from tasks.train.trainers import arguments, build_trainer
from tests.helpers.tiny import TRL

TRLS = Path(chat_template_utils.__file__).parent / "chat_templates"
EMBEDDED = embedded.TEMPLATE.read_text()
EITHER = "call.function.arguments if call.function.arguments is string else "
TEMPLATES = {
    "embedded": EMBEDDED,
    "embedded, tojson": EMBEDDED.replace(EITHER, ""),
    "embedded, items": EMBEDDED.replace(
        f"{{{{- {EITHER}call.function.arguments | tojson }}}}",
        "{%- for name, value in call.function.arguments | items %}"
        "{{- name ~ '=' ~ value }}{%- endfor %}",
    ),
    "smollm2": pretrained.SMOLLM2_TEMPLATE.read_text(),
    "llama3 with tools": pretrained.LLAMA3_TEMPLATE.read_text(),
    **{
        name: (TRLS / f"{name}.jinja").read_text()
        for name in ("qwen2_5", "qwen3_instruct_2507", "llama3_1", "llama3_2")
    },
}
"""Our own, two that need objects, and those of families, as TRL has them."""
TOOL = {
    "name": "search_hotel",
    "description": "Search.",
    "parameters": {"type": "object", "properties": {"area": {"type": "string"}}},
}
TOOLS = [{"type": "function", "function": TOOL}]
USER = {"role": "user", "content": "a hotel in the north"}
FOUND = {"role": "tool", "tool_call_id": "call_0", "content": '{"count": 1}'}
SPEAKS = {"role": "assistant", "content": "there is one"}


def calls(arguments):
    function = {"name": "search_hotel", "arguments": json.dumps(arguments)}
    call = {"id": "call_0", "type": "function", "function": function}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


NORTH, STARS = calls({"area": "north", "rooms": 1}), calls({"stars": 4.123456789012345})
HISTORY = [USER, NORTH, FOUND, SPEAKS, USER]
ANSWERS = {
    "messages": [{"messages": [*HISTORY, STARS]}],
    "completion": [{"prompt": HISTORY, "completion": [one]} for one in (STARS, SPEAKS)],
    "chosen": [{"prompt": HISTORY, "chosen": [STARS], "rejected": [SPEAKS]}],
}


class Silent:
    """A format that reads nothing, as not each of these templates writes what can be read."""

    def read(self, _text, _token_ids, _tools):
        return {"role": "assistant", "content": ""}

    def tag(self, _tools):
        return ""


@pytest.fixture(params=TEMPLATES)
def tokenizer(request, tiny_model, monkeypatch):
    monkeypatch.setattr(local, "open_format", lambda *_: Silent())
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    assert (TEMPLATES[request.param] == EMBEDDED) == (request.param == "embedded")
    tokenizer.chat_template = TEMPLATES[request.param]
    return tokenizer


class Heard:
    """A loop of an engine that keeps the prompt."""

    async def sample(self, prompt, _seed, *_adapter):
        self.prompt = prompt
        return Sample((0,))


def asked(tokenizer, messages):
    """The tokens that an engine in this process is asked."""
    heard = Heard()
    config = EngineConfig("vllm", max_tokens=1, max_model_len=10_000)
    asyncio.run(LocalPolicy(heard, tokenizer, config)(messages, TOOLS, seed=0))
    return heard.prompt


def trained(method, rows, tokenizer, model):
    """The tokens of each text that TRL's trainer learns from, in its own columns."""
    recipe = Recipe(method, method, TRL)
    args = arguments(recipe, Path("work"), 0, watched=False)
    trainer = build_trainer(recipe, args, rows, None, model, tokenizer, Holdout())
    for row in trainer.train_dataset:
        if "input_ids" in row:
            yield row["input_ids"]
        for column in ("completion_ids", "chosen_ids", "rejected_ids"):
            if column in row:
                yield row["prompt_ids"] + row[column]


@pytest.mark.parametrize(
    ("method", "shape"),
    [("sft", "messages"), ("sft", "completion"), ("kto", "completion"), ("dpo", "chosen")],
)
def test_trained_text_is_what_the_engine_samples_after(tokenizer, tiny_model, method, shape):
    label = {"label": True} if method == "kto" else {}
    rows = [{**row, "tools": json.dumps(TOOLS), **label} for row in ANSWERS[shape]]
    if method == "kto":
        rows[1]["label"] = False
    table = Dataset.from_list(rows)  # which fills keys that a message lacks with None
    prompt = asked(tokenizer, HISTORY)
    renderer = Renderer(tokenizer, masked=False)
    guarded = [list(text.ids) for row in table for text in renderer.texts(row, "")]
    texts = list(trained(method, table, tokenizer, str(tiny_model)))
    assert texts == guarded
    assert [text[: len(prompt)] for text in texts] == [prompt] * len(texts)
    # the next prompt goes on from the answer: what was said is shown as it was trained
    longer = asked(tokenizer, [*HISTORY, STARS, FOUND])
    assert longer[: len(texts[0])] == texts[0]
    said = tokenizer.decode(texts[0][len(prompt) :])
    assert "4.123456789012345" in said
    assert "\\" not in said


@pytest.mark.parametrize("tokenizer", ["llama3_1", "llama3_2"], indirect=True)
def test_a_dialogue_without_tools_shows_none(tokenizer, tiny_model):
    """These templates take an empty list for tools."""
    row = {"prompt": [USER], "completion": [SPEAKS], "tools": "[]"}
    [text] = trained("sft", Dataset.from_list([row]), tokenizer, str(tiny_model))
    prompt = tokenizer.apply_chat_template([USER], add_generation_prompt=True)["input_ids"]
    assert text[: len(prompt)] == prompt
