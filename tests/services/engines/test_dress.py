"""Tools in lines: no schema is left to copy from, and engine and training show the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from dialogue.tool_text import assistant, calls_of
from services.engines import EngineConfig, EngineSettings, open_engine
from services.engines.models.dress import in_a_line
from services.engines.models.probe import CALL, TOOL
from services.engines.models.prompt import rendered
from tasks.train.guards.rendering import Renderer
from tests.helpers.families import FAMILIES
from tests.helpers.model_server import model_server

LINES = EngineSettings("vllm", tools="lines")
USER = {"role": "user", "content": "a hotel"}
LINE = "search_hotel(area: string, stars?: integer): Search for hotels."
SILENT = {"Llama 3", "SmolLM3", "Gemma 3", "gpt-oss"}
"""Families whose templates show no tools, and the one that has no tokenizer of bytes."""


def test_a_line_has_what_a_value_may_be() -> None:
    values = {
        "area": {"type": "string", "enum": ["north", "south"]},
        "time": {"type": "string", "pattern": r"^\d\d:\d\d$"},
        "stars": {"type": ["integer", "null"]},
        "name": {},
    }
    parameters = {"type": "object", "properties": values, "required": ["time"]}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    line = r"f(area?: north|south, time: /^\d\d:\d\d$/, stars?: integer|null, name?: any)"
    assert in_a_line(tool)["function"]["description"] == line
    assert in_a_line({"function": {"name": "f"}})["function"]["description"] == "f()"


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - SILENT))
def test_every_template_shows_the_line_and_no_schema(family: str) -> None:
    one = FAMILIES[family]
    messages = [{"role": "system", "content": "help"}, USER]
    kwargs = {**one.kwargs, **LINES.template_kwargs}
    text = rendered(one.tokenizer(), messages, [TOOL], tokenize=False, **kwargs)
    assert LINE in text
    assert "properties" not in text


def test_training_shows_what_the_engine_showed() -> None:
    tokenizer = FAMILIES["Qwen2.5"].tokenizer()
    kwargs = LINES.template_kwargs
    prompt = rendered(tokenizer, [USER], [TOOL], add_generation_prompt=True, **kwargs)["input_ids"]
    row = {"messages": [USER, assistant("which area?")], "tools": json.dumps([TOOL])}
    [text] = Renderer(tokenizer, masked=True, kwargs=kwargs).texts(row, "1")
    assert list(text.ids[: len(prompt)]) == list(prompt)


def test_a_server_gets_the_lines_and_calls_are_read_by_the_schemas(tmp_path: Path) -> None:
    text = f'<tool_call>{{"name": "{CALL.name}", "arguments": {CALL.arguments}}}</tool_call>'
    asked: list[Any]
    with model_server() as (url, asked):
        config = EngineConfig(
            "endpoint", model="tiny", urls=(url,), text_tools=True, tools="lines", max_tokens=64
        )
        with open_engine(config, log=tmp_path / "log") as policy:
            message = {"role": "user", "content": text}
            answer = asyncio.run(policy([message], [TOOL], seed=1))
    assert answer is not None
    assert asked[0]["tools"] == [in_a_line(TOOL)]
    assert "tools_in_lines" not in json.dumps(asked[0])
    assert calls_of(answer.message) == [CALL]


def test_schemas_are_the_default() -> None:
    plain = EngineSettings("vllm", chat_template_kwargs={"enable_thinking": False})
    assert plain.template_kwargs == {"enable_thinking": False}
