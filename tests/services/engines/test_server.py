"""A server of our own is waited for, explained when it fails, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from dataclasses import replace

import psutil
import pytest

from dialogue.errors import EngineError
from services.engines import EngineConfig, open_engine, server, vllm_settings
from services.engines.server import (
    Started,
    WatchedPolicy,
    command,
    reading,
    running,
    wait_until_healthy,
)
from services.engines.vllm_settings import arguments, flags
from tests.helpers.http_server import free_port
from tests.helpers.model_server import model_server

CONFIG = EngineConfig("server", model="models/tiny", start_timeout=20.0)
REAL = EngineConfig(
    "server",
    temperature=0.0,
    max_tokens=8,
    max_model_len=256,
    kv_cache_gb=0.1,
    dtype="float32",
    threads=1,
)
SLEEP = "import time; time.sleep(600)"
WITH_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "server.log"
    path.write_text("")
    return path


def wait_for_text(path):
    deadline = time.monotonic() + 20
    while not path.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text()


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, ValueError])
def test_it_is_gone_with_its_children_however_the_block_is_left(leaving, log):
    def leave():
        with running([sys.executable, "-c", WITH_CHILD], os.environ, log) as process:
            family.extend([psutil.Process(process.pid), psutil.Process(int(wait_for_text(log)))])
            raise leaving

    family: list[psutil.Process] = []
    with pytest.raises(leaving):
        leave()
    assert len(family) == 2
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_a_server_that_ends_early_shows_its_last_words(log):
    script = "import sys; sys.exit('no such flag')"
    with (
        pytest.raises(EngineError, match="status 1 before it was ready") as failure,
        running([sys.executable, "-c", script], os.environ, log) as process,
    ):
        wait_until_healthy(process, "http://127.0.0.1:9/health", CONFIG, log)
    assert "no such flag" in str(failure.value)


def test_a_server_that_never_gets_ready_is_given_up(log):
    impatient = replace(CONFIG, start_timeout=0.2)
    with (
        pytest.raises(EngineError, match="not ready after 0 s"),
        running([sys.executable, "-c", SLEEP], os.environ, log) as process,
    ):
        wait_until_healthy(process, "http://127.0.0.1:9/health", impatient, log)


def test_nobody_waits_for_a_server_that_has_ended(log):
    script = "import sys, time; time.sleep(1); sys.exit('out of memory')"
    url = f"http://127.0.0.1:{free_port()}/v1"
    began = time.monotonic()
    with (
        running([sys.executable, "-c", script], os.environ, log) as process,
        reading(CONFIG, [url]) as policy,
    ):
        watched = WatchedPolicy(policy, [Started(process, log)], CONFIG.model)
        with pytest.raises(EngineError, match=r"(?s)ended with status 1; .*out of memory"):
            asyncio.run(watched([{"role": "user", "content": "Hello"}], [], seed=0))
    assert time.monotonic() - began < 60


def test_a_port_in_use_is_named(tiny_model, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = replace(CONFIG, model=str(tiny_model), port=port)
        with (
            pytest.raises(EngineError, match=f"port {port} is in use"),
            open_engine(settings, log=tmp_path / "log"),
        ):
            pass


def test_several_servers_have_ports_and_gpus_of_their_own(monkeypatch):
    with pytest.raises(ValueError, match="only backend server, without urls, starts several"):
        EngineConfig("vllm", replicas=2)
    several = replace(CONFIG, replicas=2, vllm={"tensor_parallel_size": 2})
    assert len(set(server._ports(several))) == 2
    first = free_port()
    assert server._ports(replace(several, port=first)) == [first, first + 1]
    monkeypatch.setattr(vllm_settings, "runs_on_cpu", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    shares = [{"CUDA_VISIBLE_DEVICES": share} for share in ("4,5", "6,7")]
    assert vllm_settings.devices(several) == shares
    assert vllm_settings.devices(replace(several, replicas=1)) == [{}]  # as it is told here
    with pytest.raises(EngineError, match="3 servers of 2 GPUs need 6, and 4 are visible"):
        vllm_settings.devices(replace(several, replicas=3))


def test_the_command_line_says_what_the_in_process_engine_is_told(tmp_path):
    settings = replace(CONFIG, kv_cache_gb=0.5, vllm={"tensor_parallel_size": 2})
    line = command(settings, tmp_path, 8123)
    assert {
        f"--model={tmp_path}",
        "--served-model-name=models/tiny",
        "--port=8123",
        f"--kv-cache-memory-bytes={2**29}",
        "--enable-prefix-caching",
        "--enable-prompt-tokens-details",
        "--tensor-parallel-size=2",
        "--generation-config=vllm",
        "--no-trust-remote-code",
    } <= set(line)
    assert set(flags(arguments(settings, tmp_path))) <= set(line)


def test_a_server_that_runs_is_told_all_of_sampling(tmp_path):
    """It would take the rest from the model's generation_config.json."""
    with model_server() as (url, asked):
        settings = replace(CONFIG, urls=(url,), temperature=0.5, top_p=0.9)
        with open_engine(settings, log=tmp_path / "log") as policy:
            asyncio.run(policy([{"role": "user", "content": "a"}], [], seed=0))
    neutral = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0}
    said = {"temperature": 0.5, "top_p": 0.9, "frequency_penalty": 0.0, **neutral}
    assert said.items() <= asked[0].items()


@pytest.mark.slow
@pytest.mark.vllm
def test_every_backend_samples_alike_whatever_the_models_generation_config(greedy_model, tmp_path):
    async def play(policy):
        prompt = [{"role": "user", "content": "a cheap hotel please"}]
        return await asyncio.gather(*(policy(prompt, [], seed=seed) for seed in range(8)))

    found = {}
    for backend in ("transformers", "vllm", "server"):
        settings = replace(REAL, backend=backend, model=str(greedy_model), temperature=1.0)
        with open_engine(settings, log=tmp_path / "log") as policy:
            found[backend] = [tuple(one.token_ids) for one in asyncio.run(play(policy))]
    assert {name: len(set(answers)) > 4 for name, answers in found.items()} == dict.fromkeys(
        found, True
    )
    assert all(max(map(len, answers)) > 2 for answers in found.values())
    assert found["server"] == found["vllm"]


@pytest.mark.slow
@pytest.mark.vllm
def test_a_real_server_answers_like_the_in_process_engine(tiny_model, tmp_path):
    settings = replace(REAL, model=str(tiny_model))
    prompt = [{"role": "user", "content": "a cheap hotel please"}]
    answers = []
    for backend in ("server", "vllm"):
        with open_engine(replace(settings, backend=backend), log=tmp_path / "log") as policy:
            answers.append(asyncio.run(policy(prompt, [], seed=0)))
            too_long = [{"role": "user", "content": "hotel " * 300}]
            assert asyncio.run(policy(too_long, [], seed=0)) is None
    served, local = answers
    assert served.message == local.message
    assert tuple(served.token_ids) == tuple(local.token_ids)
    assert served.prompt_tokens == local.prompt_tokens
