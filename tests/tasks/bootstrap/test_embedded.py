"""The embedded policy's tokenizer and chat template keep what they are given."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.bootstrap.embedded import build_model, build_tokenizer
from tests.helpers.tiny import TINY

CALL = {
    "id": "call_0",
    "type": "function",
    "function": {
        "name": "search_restaurant",
        "arguments": json.dumps({"food": "italian", "area": "centre"}),
    },
}
MESSAGES = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "italian food in the centre, please"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_0", "content": '{"count": 1, "results": []}'},
    {"role": "assistant", "content": "the italian place is TR7075, at 17:45"},
    {"role": "user", "content": "thanks"},
]
TOOLS = [
    {
        "type": "function",
        "function": {"name": "search_restaurant", "parameters": {"properties": {"food": {}}}},
    }
]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(
        ["italian food in the centre, please", CALL["function"]["arguments"]] * 5, TINY
    )


@given(
    text=st.text()
    | st.text(alphabet='" ab1')
    | st.lists(st.sampled_from(["sun", "mon", "day", " ", '"', "s"])).map("".join)
)
def test_any_text_round_trips(tokenizer, text):
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text


def test_a_value_is_the_same_tokens_in_speech_and_in_a_call(tokenizer):
    def ids(text):
        return tokenizer(text, add_special_tokens=False).input_ids

    value = ids(" italian")
    for text in ("some italian food", '{"food": "italian", "area": "centre"}', "is it italian?"):
        found = ids(text)
        assert any(found[i : i + len(value)] == value for i in range(len(found))), text


def test_a_weekday_is_marked_by_the_name_of_its_argument(tokenizer):
    def ids(text):
        return tokenizer(text, add_special_tokens=False).input_ids

    assert ids(" monday")[-len(ids(" day")) :] == ids(" day")


def test_the_mask_covers_what_the_assistant_wrote_and_its_end_and_nothing_else(tokenizer):
    encoded = tokenizer.apply_chat_template(
        MESSAGES, tools=TOOLS, return_dict=True, return_assistant_tokens_mask=True
    )
    pairs = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
    assert tokenizer.decode([token for token, mask in pairs if mask]) == (
        '<tool_call>{"name": "search_restaurant", "arguments": '
        '{"food": "italian", "area": "centre"}}</tool_call><|end|>'
        "the italian place is TR7075, at 17:45<|end|>"
    )


def test_every_tool_stands_in_the_prompt(tokenizer):
    text = tokenizer.apply_chat_template(MESSAGES, tools=TOOLS, tokenize=False)
    assert text.startswith("<|tools|>search_restaurant<|end|>")


def test_a_longer_dialogue_only_appends(tokenizer):
    for end in range(1, len(MESSAGES)):
        shorter = tokenizer.apply_chat_template(MESSAGES[:end], tools=TOOLS, tokenize=False)
        longer = tokenizer.apply_chat_template(MESSAGES[: end + 1], tools=TOOLS, tokenize=False)
        assert longer.startswith(shorter)


def test_the_model_has_one_output_per_token_and_knows_its_end(tokenizer):
    model = build_model(TINY, tokenizer, seed=0)
    assert model.config.vocab_size == len(tokenizer)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
