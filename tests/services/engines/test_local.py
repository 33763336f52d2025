"""Between chat messages and tokens: what an engine in this process is asked, and what it said."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping, Sequence

import pytest
from transformers import AutoTokenizer

from dialogue.errors import Fault
from services.engines.config import EngineConfig
from services.engines.local import LocalPolicy
from services.engines.loop import EngineLoop, Sample
from services.engines.models.prompt import shown

USER = {"role": "user", "content": "a cheap hotel please"}


class Says:
    """Answers with given tokens and remembers the prompts."""

    def __init__(self, token_ids: Sequence[int], finish_reason: str) -> None:
        self.sample = Sample(token_ids, finish_reason=finish_reason, cached_tokens=3)
        self.prompts: list[Sequence[int]] = []
        self.waiting: list[int] = []

    def add(self, key: int, prompt: Sequence[int], seed: int, *_: str) -> None:  # noqa: ARG002
        self.prompts.append(prompt)
        self.waiting.append(key)

    def abort(self, key: int) -> None:
        self.waiting.remove(key)

    def step(self) -> Mapping[int, Sample]:
        done = dict.fromkeys(self.waiting, self.sample)
        self.waiting.clear()
        return done

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture
def ask(tokenizer):
    def ask(text, messages, *, finish_reason="stop", template=None, **settings):
        engine = Says(tokenizer(text, add_special_tokens=False).input_ids, finish_reason)
        config = EngineConfig(
            "vllm", model="folder/tiny", max_tokens=16, max_model_len=128, **settings
        )
        spoken = copy.copy(tokenizer)
        spoken.chat_template = template or tokenizer.chat_template
        with EngineLoop(lambda: engine) as loop:
            policy = LocalPolicy(loop, spoken, config)
            completion = asyncio.run(policy(messages, [], seed=0))
        return completion, engine.prompts

    return ask


def test_speech_loses_its_end_token_and_nothing_else(ask, tokenizer):
    completion, [prompt] = ask("the north, or seven?<|end|>", [USER])
    assert completion.message == {"role": "assistant", "content": "the north, or seven?"}
    assert tokenizer.decode(prompt) == "<|user|>a cheap hotel please<|end|><|assistant|>"
    assert completion.finish_reason == "stop"
    assert completion.prompt_tokens == len(prompt)
    assert completion.completion_tokens == len(completion.token_ids)
    assert tokenizer.decode(completion.token_ids[-1]) == "<|end|>"
    assert (completion.cached_tokens, completion.model) == (3, "folder/tiny")


def test_a_tool_call_is_read_although_its_tags_are_special_tokens(ask):
    text = '<tool_call>{"name": "search_hotel", "arguments": {"area": "north"}}</tool_call><|end|>'
    completion, _ = ask(text, [USER])
    [call] = completion.message["tool_calls"]
    assert call["function"]["name"] == "search_hotel"
    assert json.loads(call["function"]["arguments"]) == {"area": "north"}
    assert completion.finish_reason == "tool_calls"


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_half_an_answer_is_a_fault(ask, reason):
    with pytest.raises(Fault, match=reason):
        ask("the north, or", [USER], finish_reason=reason)


def test_an_answer_cut_short_keeps_all_its_tokens(ask):
    completion, _ = ask("a cheap", [USER], finish_reason="length")
    assert completion.message["content"] == "a cheap"
    assert completion.finish_reason == "length"


def test_a_prompt_that_leaves_no_room_is_never_sent(ask, tokenizer, capfd):
    long = [{"role": "user", "content": "hotel " * (tokenizer.model_max_length + 1)}]
    completion, prompts = ask("x<|end|>", long)
    assert completion is None
    assert prompts == []
    assert "Token indices sequence length" not in capfd.readouterr().err


def _with_arguments(text):
    function = {"name": "search_hotel", "arguments": text}
    call = {"id": "call_0", "type": "function", "function": function}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


@pytest.mark.parametrize(
    ("text", "seen"),
    [('{"area": "north"}', {"area": "north"}), ('{"area": ', '{"area": '), ("[1]", "[1]")],
)
def test_templates_see_arguments_as_objects_unless_they_are_none(text, seen):
    message = _with_arguments(text)
    [call] = shown(message)["tool_calls"]
    assert call["function"]["arguments"] == seen
    assert message == _with_arguments(text)
    assert shown(shown({**message, "tool_call_id": None})) == shown(message)


def test_ids_are_long_enough_for_mistral():
    call = shown(_with_arguments("{}"))["tool_calls"][0]
    result = shown({"role": "tool", "tool_call_id": "call_0", "content": "[]"})
    assert call["id"] == result["tool_call_id"] == "call00000"
    assert shown({"role": "tool", "tool_call_id": "x"})["tool_call_id"] == "x"


def test_thought_is_neither_said_nor_done(ask):
    call = '<tool_call>{"name": "search_hotel", "arguments": {}}</tool_call>'
    completion, _ = ask(f"<think>{call}?</think>the north, or seven?<|end|>", [USER])
    assert completion.message == {
        "role": "assistant",
        "content": "the north, or seven?",
        "reasoning_content": f"{call}?",
    }
    assert completion.finish_reason == "stop"


def test_further_arguments_reach_the_chat_template(ask):
    template = "{{ mood }}{% for m in messages %}{{ m.content }}{% endfor %}"
    _, [prompt] = ask("x<|end|>", [USER], template=template, chat_template_kwargs={"mood": "cheap"})
    _, [plain] = ask("x<|end|>", [USER], template=template)
    assert len(prompt) > len(plain)
    assert prompt[-len(plain) :] == plain


def test_the_prompt_repeats_the_text_the_model_wrote(ask, tokenizer):
    call = '<tool_call>{"name": "search_hotel", "arguments": {"area": "north"}}</tool_call><|end|>'
    said, _ = ask(call, [USER])
    _, [prompt] = ask("x<|end|>", [USER, said.message])
    assert call in tokenizer.decode(prompt)
