"""Settings of vLLM, in this process or as a server; measured with bench/engine.py."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialogue.errors import EngineError

if TYPE_CHECKING:
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

SET_ELSEWHERE: Mapping[str, str] = {
    "model": "bootstrap",
    "dtype": "engine.dtype",
    "max_model_len": "engine.max_model_len",
    "max_num_seqs": "engine.max_num_seqs",
    "kv_cache_memory_bytes": "engine.kv_cache_gb",
}
"""Field -> the key of params.yaml that sets it."""
OURS = frozenset((
    "aggregate_engine_logging", "default_mm_loras", "disable_log_stats", "enable_lora",
    "generation_config", "hf_config_path", "max_lora_rank", "max_loras", "model_weights",
    "override_generation_config", "seed", "served_model_name", "skip_tokenizer_init", "tokenizer",
    "use_tqdm_on_load",
))  # fmt: skip
"""Fields on which the results rest: where answers end, what is sampled, which weights are read."""
UNSAFE = frozenset((
    "allowed_local_media_path", "allowed_media_domains", "auto_map", "ec_transfer_config",
    "hf_token", "io_processor_plugin", "kv_transfer_config", "log_config_file", "logging_config",
    "logits_processors", "model_class_overrides", "reasoning_parser_plugin", "scheduler_cls",
    "trust_remote_code", "weight_transfer_config", "worker_cls", "worker_extension_cls",
))  # fmt: skip
"""Fields that name code to run or files to open, also where they stand inside another's value."""


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
        **config.vllm,
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


def devices(config: EngineConfig) -> list[dict[str, str]]:
    """The environment that gives each of several servers GPUs of its own; empty without GPUs.

    Raises:
        EngineError: there are fewer GPUs than the servers need.
    """
    visible = _visible()
    if config.replicas == 1 or not visible:
        return [{}] * config.replicas
    sizes = ("tensor", "pipeline", "data")
    each = math.prod(config.vllm.get(f"{size}_parallel_size", 1) for size in sizes)
    if each * config.replicas > len(visible):
        raise EngineError(
            f"engine.replicas: {config.replicas} servers of {each} GPUs need "
            f"{each * config.replicas}, and {len(visible)} are visible"
        )
    shares = (visible[i * each : (i + 1) * each] for i in range(config.replicas))
    return [{"CUDA_VISIBLE_DEVICES": ",".join(share)} for share in shares]


def _visible() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    if runs_on_cpu():
        return []
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [one for one in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if one]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def runs_on_cpu() -> bool:
    """Whether the installed vLLM is a CPU build: vllm-cpu, or a vllm whose version says so."""
    try:
        return "cpu" in version("vllm")
    except PackageNotFoundError:
        return True


def require_free(given: Mapping[str, Any]) -> None:
    """Refuse fields that are not free to set, without an import of vLLM.

    Raises:
        ValueError: the message names one and says why.
    """
    for name in given:
        if name in SET_ELSEWHERE:
            raise ValueError(f"vllm.{name}: {SET_ELSEWHERE[name]} sets it")
        if name in OURS:
            raise ValueError(f"vllm.{name}: the pipeline sets it, as results rest on it")
    if unsafe := sorted(UNSAFE & set(_names(given))):
        raise ValueError(f"vllm: {unsafe[0]} is refused: it names code to run or files to open")


def require_known(given: Mapping[str, Any]) -> None:
    """Refuse fields that the installed vLLM does not have.

    Raises:
        EngineError: the message names them.
    """
    if not given:
        return
    from vllm import EngineArgs

    known = {field.name for field in fields(EngineArgs) if not field.name.startswith("_")}
    if unknown := sorted(set(given) - known):
        close = get_close_matches(unknown[0], known)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise EngineError(f"engine.vllm: vLLM has no engine argument {', '.join(unknown)}{hint}")


def require_one_engine(given: Mapping[str, Any]) -> None:
    """Refuse more than one engine where the engine is this process: vLLM would hang.

    Raises:
        EngineError: the message says what to do.
    """
    if given.get("data_parallel_size", 1) != 1:
        raise EngineError(
            "engine.vllm.data_parallel_size: an engine in this process is one engine; set "
            "engine.backend to server, where engine.replicas moves dialogues from one that fails"
        )


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Fields of EngineArgs as options of the command line."""
    return [flag for name, value in settings.items() for flag in _flags(name, value)]


def _flags(name: str, value: Any) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    match value:
        case None:
            return []
        case bool():
            return [option if value else f"--no-{option[2:]}"]
        case Mapping():
            return [f"{option}={json.dumps(value)}"]
        case list() | tuple():
            return [option, *_items(name, value)]
    return [f"{option}={value}"]


def _items(name: str, values: Sequence[Any]) -> Iterator[str]:
    for one in values:
        if str(one).startswith("-"):
            raise EngineError(f"engine.vllm.{name}: {one!r} would be an option of its own")
        yield str(one)


def _names(value: Any) -> Iterator[str]:
    """All keys of a JSON value, at any depth."""
    if isinstance(value, Mapping):
        yield from value
        for inner in value.values():
            yield from _names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner)
