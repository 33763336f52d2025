"""Guards against options that cannot work here, before any row is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from tasks.train.recipe import Recipe, TrainError


class Need(NamedTuple):
    """A package that an option needs, and that is not always installed.

    Attributes:
        option: Where the option stands in a recipe.
        values: Pattern of the values that need it.
        modules: Modules of which one is enough.
        install: Command that installs it.
    """

    option: str
    values: str
    modules: tuple[str, ...]
    install: str


EXTRA = "uv pip install --editable '.[{}]'"
OPTIM, REPORT = "trl.optim", "trl.report_to"
ATTENTION = "trl.model_init_kwargs.attn_implementation"
BITSANDBYTES = (("bitsandbytes",), "make setup EXTRA=gpu")
FLASH = (("kernels", "flash_attn", "flash_attn_interface"), EXTRA.format("flash"))
DEEPSPEED = Need("trl.deepspeed", r".+", ("deepspeed",), EXTRA.format("deepspeed"))
NEEDS = (
    Need("trl.use_liger_kernel", r"True", ("liger_kernel",), EXTRA.format("liger")),
    DEEPSPEED,
    Need(ATTENTION, r"(paged\|)?flash_attention_\d", *FLASH),
    Need(ATTENTION, r".+/.+", ("kernels",), EXTRA.format("flash")),
    Need("quantization.load_in_4bit", r"True", *BITSANDBYTES),
    Need("quantization.load_in_8bit", r"True", *BITSANDBYTES),
    Need(OPTIM, r"adamw(_bnb)?_8bit|(ademamix|lion|paged|rmsprop_bnb).*", *BITSANDBYTES),
    Need(OPTIM, r"adamw_torch_[48]bit", ("torchao",), "uv pip install torchao"),
    Need(OPTIM, r"galore_.*", ("galore_torch",), "uv pip install galore-torch"),
    Need(OPTIM, r"apollo_.*", ("apollo_torch",), "uv pip install apollo-torch"),
    Need(OPTIM, r"(ada)?lomo", ("lomo_optim",), "uv pip install lomo-optim"),
    Need(OPTIM, r"grokadamw", ("grokadamw",), "uv pip install grokadamw"),
    Need(OPTIM, r"schedule_free_.*", ("schedulefree",), "uv pip install schedulefree"),
    Need(OPTIM, r"stable_adamw", ("optimi",), "uv pip install torch-optimi"),
    Need(REPORT, r"wandb", ("wandb",), EXTRA.format("wandb")),
    Need(REPORT, r"tensorboard", ("tensorboard", "tensorboardX"), "uv pip install tensorboard"),
    Need(REPORT, r"comet_ml", ("comet_ml",), "uv pip install comet-ml"),
    Need(REPORT, r"neptune", ("neptune",), "uv pip install neptune"),
    Need(REPORT, r"trackio", ("trackio",), "uv pip install trackio"),
)
"""What transformers, TRL and accelerate look for late, and miss with a traceback."""


def require(recipe: Recipe) -> None:
    """Refuse a recipe with an option that cannot work here.

    Raises:
        TrainError: an option would run a model's own code, or push to the Hub, or needs a package,
            a GPU or a LoRA that is not there.
    """
    of_the_model = recipe.trl.get("model_init_kwargs") or {}
    for name in ("trust_remote_code", "allow_all_kernels"):
        if recipe.trl.get(name) or of_the_model.get(name):
            raise TrainError(f"params.yaml: trl.{name}: no code of a model is ever run here")
    if recipe.trl.get("push_to_hub"):
        raise TrainError(
            "params.yaml: trl.push_to_hub would push every checkpoint: upload the registered "
            "model's folder with `hf upload`, as docs/training.md says"
        )
    if recipe.quantization:
        _require_what_quantization_needs(recipe)
    for need in NEEDS:
        for value in _values(recipe, need.option):
            if re.fullmatch(need.values, str(value)):
                require_package(need, f"{need.option}: {value}")


def require_package(need: Need, option: str) -> None:
    """Require one of the modules; `option` is what asks for it.

    Raises:
        TrainError: none of them is installed.
    """
    if not any(find_spec(module) for module in need.modules):
        package = need.modules[0].replace("_", "-")
        raise TrainError(f"params.yaml: {option} needs the package {package}: {need.install}")


def _values(recipe: Recipe, option: str) -> list[Any]:
    """The value of an option, or those of a list; none if it is off."""
    section, *keys = option.split(".")
    value = getattr(recipe, section)
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return [one for one in (value if isinstance(value, list | tuple) else [value]) if one]


def _require_what_quantization_needs(recipe: Recipe) -> None:
    if not recipe.lora:
        raise TrainError("quantization needs a lora: weights in 4 or 8 bits cannot be trained")
    import torch

    if not torch.cuda.is_available():
        raise TrainError(
            "quantization (QLoRA) needs an NVIDIA GPU: set quantization: {} to train the LoRA "
            "without"
        )
