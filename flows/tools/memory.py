"""Estimate of the GPU memory that training will take, and of the disk that a run will.

    python -m flows.tools.memory paper-8b --model configs/models/llama-3-8b --gib 80
    python -m flows.tools.memory paper-8b 2x24gb --model configs/models/llama-3-8b --gib 24

Every arm of the configs is estimated for the longest dialogue that the engine reads. A run that
begins with nothing is said to take too much if less of this folder's disk is free.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from dialogue.progress import any_terminal
from flows import params
from flows.tools import disk
from services.engines.models import own_code
from tasks.train.memory import Memory, estimate
from tasks.train.recipe import Recipe, TrainConfig, TrainError
from tasks.train.trainers import arguments

UNMEASURED = 2.0
"""GiB that the framework itself may take, which the estimate leaves out."""


def main(options: Sequence[str] | None = None) -> int:
    """Print one estimate per line; returns 1 if an arm does not fit or an input is wrong."""
    any_terminal()
    chosen = _parser().parse_args(options)
    try:
        sections = params.merged(chosen.configs)
        model = chosen.model or _model(sections["bootstrap"])
        needed = memory_of(sections["train"], model, sections["engine"].max_model_len)
        space = disk.disk_of(sections, model)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    fits = {name: one.total + UNMEASURED <= chosen.gib for name, one in needed.items()}
    for name, one in needed.items():
        print(f"{name}: {one}" + ("" if fits[name] else f": too much for {chosen.gib:g} GiB"))
    print(disk.too_much(space) or f"disk: a run from nothing takes about {space}")
    return 0 if all(fits.values()) else 1


def memory_of(train: TrainConfig, model: str, longest: int) -> Mapping[str, Memory]:
    """Memory on each GPU, by arm.

    Args:
        train: The section ``train``.
        model: Folder with the ``config.json`` of the model, or its name on the Hub.
        longest: Number of tokens of the longest row.

    Raises:
        OSError: the model does not exist.
        tasks.train.recipe.TrainError: TRL does not know an option, or the model needs code of its
            own.
    """
    from transformers import AutoConfig

    name, _, revision = model.partition("@")
    if reason := own_code.needed(Path(name)):
        raise TrainError(reason)
    config = AutoConfig.from_pretrained(
        name, revision=revision or "main", trust_remote_code=False
    ).get_text_config()
    shards = _shards(train.accelerate)
    return {
        name: estimate(config, recipe, _arguments(recipe), longest, shards)
        for name, recipe in train.policies.items()
    }


def _arguments(recipe: Recipe) -> Any:
    """TRL's options of an arm, on the CPU: without a GPU transformers refuses bf16 for one."""
    on_cpu = replace(recipe, trl={**recipe.trl, "use_cpu": True})
    return arguments(on_cpu, Path("work"), 0, watched=False)


def _shards(accelerate: str) -> int:
    """Number of GPUs that share one model's weights."""
    if not accelerate:
        return 1
    settings = yaml.safe_load(Path(accelerate).read_text(encoding="utf-8"))
    return int(settings["num_processes"]) if settings["distributed_type"] == "FSDP" else 1


def _model(bootstrap: Any) -> str:
    return str(bootstrap.pretrained) if bootstrap.kind == "pretrained" else "models/base"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flows.tools.memory", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("configs", nargs="+", help="names in configs/, merged in this order")
    parser.add_argument("--model", help="folder with its config.json; default: bootstrap's")
    parser.add_argument("--gib", type=float, default=80.0, help="memory of one GPU in GiB")
    return parser


if __name__ == "__main__":
    sys.exit(main())
