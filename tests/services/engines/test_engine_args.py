"""vLLM's own arguments pass through by their names, and none that would break a promise."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialogue.errors import EngineError
from services.engines import EngineConfig, open_engine
from services.engines.server import command
from services.engines.vllm_settings import (
    OURS,
    SET_ELSEWHERE,
    UNSAFE,
    arguments,
    flags,
    require_one_engine,
)

SETTINGS = EngineConfig("vllm", model="models/tiny")


def test_they_go_over_ours_and_leave_the_rest(tmp_path: Path) -> None:
    given = {"gpu_memory_utilization": 0.5, "enable_prefix_caching": False}
    before = arguments(SETTINGS, tmp_path)
    assert arguments(replace(SETTINGS, vllm=given), tmp_path) == before | given


@pytest.mark.parametrize("name", sorted({*SET_ELSEWHERE, *OURS, *UNSAFE}))
def test_a_name_that_would_break_a_promise_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^vllm.*{name}"):
        replace(SETTINGS, vllm={name: 1})


@pytest.mark.parametrize(
    "value", [{"trust_remote_code": True}, {"text_config": [{"auto_map": {"AutoConfig": "a.B"}}]}]
)
def test_code_is_refused_inside_a_value_too(value: Any) -> None:
    with pytest.raises(ValueError, match="code to run"):
        replace(SETTINGS, vllm={"hf_overrides": value})


def test_the_command_line_reads_as_it_was_given() -> None:
    given = {"hf_overrides": {"a b": "$(id)"}, "kernel_sizes": [1, 2], "off": False, "none": None}
    parser = argparse.ArgumentParser()
    parser.add_argument("--hf-overrides")
    parser.add_argument("--kernel-sizes", nargs="+", type=int)
    parser.add_argument("--off", action=argparse.BooleanOptionalAction)
    parsed = vars(parser.parse_args(flags(given)))
    assert parsed == {"hf_overrides": '{"a b": "$(id)"}', "kernel_sizes": [1, 2], "off": False}
    with pytest.raises(EngineError, match="option of its own"):
        flags({"ignore_patterns": ["--trust-remote-code"]})


def test_several_engines_are_a_servers(tmp_path: Path) -> None:
    several = replace(SETTINGS, backend="server", vllm={"data_parallel_size": 2})
    assert "--data-parallel-size=2" in command(several, tmp_path, 8123)
    with pytest.raises(EngineError, match="backend to server"):
        require_one_engine(several.vllm)


@pytest.mark.vllm
@pytest.mark.parametrize("backend", ["vllm", "server"])
def test_a_name_that_vllm_does_not_have_is_one_line(
    backend: Any, tiny_model: Path, tmp_path: Path
) -> None:
    misspelt = replace(
        SETTINGS, backend=backend, model=str(tiny_model), vllm={"tensor_parallel": 2}
    )
    with (
        pytest.raises(EngineError, match=r"no engine argument tensor_parallel; did .*_size") as it,
        open_engine(misspelt, log=tmp_path / "log"),
    ):
        pass
    assert "\n" not in str(it.value)
