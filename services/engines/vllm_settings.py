"""Settings of vLLM, in this process or as a server; measured with bench/engine.py."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from services.engines.config import EngineConfig

ON_CPU: Mapping[str, Any] = {
    # Compiling takes two minutes on two cores, each time: vLLM's cache of it does not load on CPUs.
    "enforce_eager": True,
    # What the prefix cache shares is whole blocks. The default of 128 tokens is longer than most
    # turns of a dialogue; 32 is the least that the attention kernel takes.
    "block_size": 32,
    # A seeded request whose prompt is split makes vLLM 0.32 rewind its random generator, and CPU
    # generators cannot: "CPU Generator does not use offset".
    "enable_chunked_prefill": False,
}


def arguments(config: EngineConfig, folder: Path) -> dict[str, Any]:
    """Fields of vLLM's EngineArgs."""
    memory = {"kv_cache_memory_bytes": int(config.kv_cache_gb * 2**30)}
    return {
        "model": str(folder),
        "dtype": config.dtype,
        # The model's generation_config.json says where answers end, and nothing of how to sample.
        "generation_config": "vllm",
        "trust_remote_code": False,
        "seed": 0,
        "max_model_len": config.max_model_len,
        "max_num_seqs": config.max_num_seqs,
        # Whole prompts must fit in a step where they are not split.
        "max_num_batched_tokens": max(4096, config.max_model_len),
        "enable_prefix_caching": True,
        **(memory if config.kv_cache_gb else {}),
        **(ON_CPU if runs_on_cpu() else {}),
    }


def environment(config: EngineConfig) -> dict[str, str]:
    """Settings that vLLM and its libraries read from the environment only."""
    return {
        "VLLM_NO_USAGE_STATS": "1",
        # Pinning threads to cores halves the speed where other processes use these cores, too.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        # Unset, vLLM computes on one core.
        "OMP_NUM_THREADS": str(config.cores),
    }


def runs_on_cpu() -> bool:
    """Whether the installed vLLM is a CPU build: vllm-cpu, or a vllm whose version says so."""
    try:
        return "cpu" in version("vllm")
    except PackageNotFoundError:
        return True


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Fields of EngineArgs as options of the command line."""
    return [_flag(name.replace("_", "-"), value) for name, value in settings.items()]


def _flag(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name}={value}"
