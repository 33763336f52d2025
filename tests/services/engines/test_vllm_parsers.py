"""vLLM's own parsers of calls and thought, by name, over model families."""

from __future__ import annotations

import json
from functools import cache

import pytest

from dialogue.errors import EngineError
from dialogue.tool_text import calls_of
from services.engines.config import EngineConfig
from services.engines.formats import open_format
from services.engines.models.probe import TOOL, probe
from tests.helpers.tokenizers import byte_tokenizer, trl_template

pytest.importorskip("vllm")
# Importing vLLM takes 20 s on a quiet machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TURNS = (
    "{{% for m in messages %}}<|start|>{{{{ m.role }}}}<|end|>{{% if m.tool_calls %}}{}"
    "{{% else %}}{{{{ m.content }}}}{{% endif %}}</s>{{% endfor %}}"
    "{{% if add_generation_prompt %}}<|start|>assistant<|end|>{{% endif %}}"
)
LIST = "{{ m.tool_calls | map(attribute='function') | list | tojson }}"
BRACES = (
    "{% for c in m.tool_calls %}<start_function_call>call:{{ c.function.name ~ '{' }}"
    "{% for k, v in c.function.arguments.items() %}{{ k }}:<escape>{{ v }}<escape>"
    "{% if not loop.last %},{% endif %}{% endfor %}{{ '}' }}<end_function_call>{% endfor %}"
)


def template(name: str) -> str:
    return {
        "mistral": TURNS.format("[TOOL_CALLS]" + LIST),
        "granite": TURNS.format("<|tool_call|>" + LIST),
        "xlam": TURNS.format(LIST),
        "functiongemma": TURNS.format(BRACES),
        "phi4": TURNS.format("functools" + LIST),
    }.get(name) or trl_template(name)


FAMILIES = {
    "mistral": "mistral",
    "granite": "granite",
    "xlam": "xlam",
    "functiongemma": "functiongemma",
    "phi4": "phi4_mini_json",
    "llama3_1": "llama3_json",
    "qwen3_5_think": "qwen3_coder",
    "gemma4": "gemma4",
    "glm4moe": "glm45",
    "lfm2_v2": "lfm2",
}
MANY = {  # families whose second call follows the first one with this in between
    "qwen3_5_think": "\n",
    "functiongemma": "",
    "glm4moe": "\n",
    "llama3_1": "; ",
}


@cache
def opened(family, **settings):
    tokenizer = byte_tokenizer(template(family), "<|python_tag|>")
    config = EngineConfig("transformers", model=family, **settings)
    return open_format(config, tokenizer), probe(tokenizer, {})


def read(family, text):
    found, seen = opened(family)
    return found.read(f"</think>{text}" if seen.opened else text, (), [TOOL])


def named(message):
    return [(call.name, json.loads(call.arguments)["area"]) for call in calls_of(message)]


@pytest.mark.parametrize(("family", "name"), FAMILIES.items())
def test_the_call_of_the_template_is_read_back_by_the_parser_chosen(family, name):
    found, seen = opened(family)
    assert found.tool_parser == name
    text = seen.written.replace("north", "Zürich \u5317")
    assert named(read(family, text)) == [("search_hotel", "Zürich \u5317")]


@pytest.mark.parametrize("family", FAMILIES)
def test_speech_stays_speech(family):
    message = read(family, "In the north, or 2 {of} [them]?")
    assert message == {"role": "assistant", "content": "In the north, or 2 {of} [them]?"}


@pytest.mark.parametrize(("family", "between"), MANY.items())
def test_calls_in_parallel(family, between):
    written = opened(family)[1].written
    message = read(family, between.join([written, written.replace("north", "south")]))
    assert named(message) == [("search_hotel", "north"), ("search_hotel", "south")]


@pytest.mark.parametrize("family", ["qwen3_5_think", "functiongemma", "glm4moe", "granite"])
def test_speech_before_a_call(family):
    message = read(family, f"One moment.\n{opened(family)[1].written}")
    assert message["content"] == "One moment."
    assert named(message) == [("search_hotel", "north")]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_call_cut_off_is_a_call_never_speech(family):
    written = opened(family)[1].written
    for end in range(written.index("search_hotel") + 12, len(written)):
        message = read(family, written[:end])
        assert message.get("tool_calls"), (written[:end], message)
        assert message["content"] == ""


def test_one_malformed_call_does_not_take_the_others_with_it():
    written = opened("qwen3_5_think")[1].written
    broken = "<tool_call>\n<fun=search_hotel>\n</tool_call>"
    message = read("qwen3_5_think", f"{written}\n{broken}\n{written}")
    first, second, third = calls_of(message)
    assert first == third
    assert second.arguments == broken


def test_a_reasoning_parser_by_name():
    found, _ = opened("qwen2_5", reasoning_parser="qwen3")
    call = '<tool_call>\n{"name": "search_hotel", "arguments": {"area": "north"}}\n</tool_call>'
    message = found.read(f"<think>\nhm\n</think>\n\n{call}", (), [TOOL])
    assert message["reasoning_content"] == "hm"
    assert named(message) == [("search_hotel", "north")]
    assert message["content"] == ""


@pytest.mark.parametrize("setting", ["tool_parser", "reasoning_parser"])
def test_an_unknown_name_is_refused_with_the_known_ones(setting):
    with pytest.raises(EngineError, match=f"engine.{setting} nonsense: .*qwen3_coder"):
        opened("qwen2_5", **{setting: "nonsense"})


def test_llama_needs_its_token():
    with pytest.raises(EngineError, match="python_tag"):
        open_format(
            EngineConfig("transformers", tool_parser="llama3_json"),
            byte_tokenizer(template("xlam")),
        )
