"""Calls and thought in a model's text, read by our own parsers, and the choice of a parser."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dialogue.errors import EngineError
from dialogue.messages import part_thought as part
from dialogue.tool_text import calls_of, parse
from services.engines.config import EngineConfig
from services.engines.formats import open_format
from services.engines.models import choice, json_calls
from services.engines.models.probe import probe
from tests.helpers.tokenizers import byte_tokenizer, trl_template

CALL = '{"name": "search_hotel", "arguments": {"area": "Zürich"}}'
WANTED = ("search_hotel", '{"area": "Zürich"}')
LLAMA = (
    "{% for m in messages %}<|start|>{{ m.role }}<|end|>{% if m.tool_calls %}"
    '{"name": "{{ m.tool_calls[0].function.name }}", '
    '"parameters": {{ m.tool_calls[0].function.arguments | tojson }}}'
    "{% else %}{{ m.content }}{% endif %}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|end|>{% endif %}"
)
SILENT = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"


def config(**settings):
    return EngineConfig("transformers", model="folder/m", **settings)


@pytest.mark.parametrize(
    "text",
    [
        CALL,
        f"  {CALL}\n",
        f"```json\n{CALL}\n```",
        f"```\n{CALL}\n```",
        f"<tools>\n{CALL}\n</tools>",
        f"<tools>\n{CALL}",
        f"[{CALL}]",
        CALL.replace("arguments", "parameters"),
        f"<tool_call>\n{CALL}\n</tool_call>",
    ],
)
def test_a_text_that_is_wholly_a_call_is_one(text):
    message = json_calls.parse(text)
    assert calls_of(message) == [WANTED]
    assert message["content"] == ""


@pytest.mark.parametrize("text", [f"{CALL}\n{CALL}", f"{CALL}; {CALL}", f"[{CALL}, {CALL}]"])
def test_calls_in_parallel(text):
    assert calls_of(json_calls.parse(text)) == [WANTED, WANTED]


@pytest.mark.parametrize(
    "text",
    [
        f"I would call {CALL}",
        f"{CALL} is what I would call",
        f"Here:\n```json\n{CALL}\n```",
        '{"name": "Lovell Lodge", "stars": 2}',
        '{"name": "Lovell Lodge"}',
        "[1, 2]",
        "seven",
        "{",
        "",
        "[" * 5000,
    ],
)
def test_all_else_is_what_it_is_without_this_parser(text):
    assert json_calls.parse(text) == parse(text)
    assert "tool_calls" not in json_calls.parse(text)


@pytest.mark.parametrize("end", range(len('{"name": "search_hotel", "arguments":'), len(CALL)))
def test_a_call_that_is_cut_off_is_malformed_not_speech(end):
    [call] = calls_of(json_calls.parse(f"```json\n{CALL[:end]}"))
    assert call == ("search_hotel", CALL[:end].rstrip())


@pytest.mark.parametrize(
    ("text", "opened", "thought", "rest"),
    [
        ("seven ", False, "", "seven "),
        ("<think>hm</think>seven", False, "hm", "seven"),
        ("hm</think>\n\nseven", False, "hm", "seven"),
        ("hm</think>seven", True, "hm", "seven"),
        ("hm", True, "hm", ""),
        ("<think>hm", False, "hm", ""),
        ("<think></think>seven", False, "", "seven"),
        ("a<think>b</think>c<think>d", False, "b\nd", "ac"),
    ],
)
def test_thought_is_kept_apart(text, opened, thought, rest):
    assert part(text, opened=opened) == (thought, rest)


def test_a_call_in_thought_is_thought():
    text = f"<think>perhaps <tool_call>{CALL}</tool_call></think>which area?"
    read = open_format(config(), None).read(text, (), [])
    assert read["content"] == "which area?"
    assert "tool_calls" not in read
    assert CALL in read["reasoning_content"]
    assert "reasoning_content" not in open_format(config(), None).read("which area?", (), [])


# What a family's template writes for a call, as TRL ships it, and the parser of vLLM that reads it.
FAMILIES = {
    "qwen2_5": "hermes",
    "qwen3": "hermes",
    "qwen3_instruct_2507": "hermes",
    "qwen3_5_think": "qwen3_coder",
    "llama3_1": "llama3_json",
    "llama3_2": "llama3_json",
    "gptoss": "openai",
    "gemma4": "gemma4",
    "glm4moe": "glm45",
    "lfm2_v2": "lfm2",
    "muse_glimmer": "muse_glimmer",
    "nemotron_3_nano": "qwen3_coder",
}


@pytest.mark.parametrize(("family", "name"), FAMILIES.items())
def test_the_parser_is_told_by_what_the_template_writes(family, name):
    template = trl_template(family)
    written = probe(byte_tokenizer(template), {}).written
    assert "search_hotel" in written
    assert "<think>" not in written
    assert choice.tool_parser(written, template) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('[TOOL_CALLS][{"name": "a", "arguments": {}}]', "mistral"),
        ("<start_function_call>call:a{b:1}<end_function_call>", "functiongemma"),
        ('functools[{"name": "a", "arguments": {}}]', "phi4_mini_json"),
        ('<|tool_call|>[{"name": "a", "arguments": {}}]', "granite"),
        ("<\uff5ctool\u2581calls\u2581begin\uff5c>", "deepseek_v31"),
        ("[a(b=1)]", "pythonic"),
        (CALL, "json"),
        ("which area?", None),
    ],
)
def test_other_marks(written, name):
    assert choice.tool_parser(written, "") == name


@pytest.mark.parametrize("family", ["qwen2_5", "qwen3", "qwen3_instruct_2507"])
@pytest.mark.parametrize("name", ["auto", "hermes", "json"])
def test_ours_read_back_the_call_of_a_template(family, name):
    tokenizer = byte_tokenizer(trl_template(family))
    found = open_format(config(tool_parser=name), tokenizer)
    assert found.tool_parser == ("hermes" if name == "auto" else name)


@pytest.mark.parametrize("thinks", [True, False])
def test_arguments_of_the_template_reach_it(thinks):
    tokenizer = byte_tokenizer(trl_template("qwen3_5_think"))
    assert probe(tokenizer, {"enable_thinking": thinks}).opened is thinks


def test_a_parser_that_does_not_read_the_template_is_refused():
    with pytest.raises(EngineError, match=r"folder/m: .*tool_parser hermes does not read") as error:
        open_format(config(tool_parser="hermes"), byte_tokenizer(LLAMA))
    assert "search_hotel" in str(error.value)
    assert open_format(config(tool_parser="json"), byte_tokenizer(LLAMA))


def test_a_template_without_calls_is_a_warning(caplog):
    assert open_format(config(), byte_tokenizer(SILENT)).tool_parser == "hermes"
    assert "writes no tool calls" in caplog.text


def test_a_template_that_refuses_calls_is_refused():
    template = (
        "{% for m in messages %}{{ m.content }}"
        "{% if m.tool_calls %}{{ raise_exception('no calls') }}{% endif %}{% endfor %}"
    )
    with pytest.raises(EngineError, match=r"refuses a history with a tool call \(no calls\)"):
        open_format(config(), byte_tokenizer(template))


def test_a_parser_of_vllm_needs_a_tokenizer():
    with pytest.raises(EngineError, match=r"engine\.tokenizer"):
        open_format(config(tool_parser="mistral"), None)


def test_without_vllm_its_parsers_are_refused_in_a_line():
    code = """
import sys
sys.modules["vllm"] = None
from dialogue.errors import EngineError
from services.engines.config import EngineConfig
from services.engines.formats import open_format
from tests.helpers.tokenizers import byte_tokenizer
for settings in ({"tool_parser": "mistral"}, {"reasoning_parser": "mistral"}):
    try:
        open_format(EngineConfig("transformers", **settings), byte_tokenizer(""))
    except EngineError as error:
        print(error)
open_format(EngineConfig("transformers"), byte_tokenizer(""))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith("engine.tool_parser mistral: this would be vLLM's, which is not")
    assert second.startswith("engine.reasoning_parser mistral: this would be vLLM's")
