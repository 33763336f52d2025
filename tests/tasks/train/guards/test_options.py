"""An option that cannot work here is one line, before any row is read."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer, TrainingArguments
from transformers.training_args import OptimizerNames

from tasks.bootstrap.embedded import build_model, build_tokenizer
from tasks.train.guards import options
from tasks.train.guards.options import EXTRA, NEEDS, require
from tasks.train.job import Arm, Holdout, TrainConfig, train_arm
from tasks.train.recipe import Recipe, TrainError
from tests.helpers.tiny import TINY, TRL

ATTENTION = "attn_implementation"
MISSING = [
    ({"use_liger_kernel": True}, "trl.use_liger_kernel: True", "liger-kernel", ".[liger]"),
    ({"deepspeed": "ds.json"}, "trl.deepspeed: ds.json", "deepspeed", ".[deepspeed]"),
    ({"optim": "adamw_8bit"}, "trl.optim: adamw_8bit", "bitsandbytes", "make setup EXTRA=gpu"),
    ({"optim": "paged_adamw_32bit"}, "paged_adamw_32bit", "bitsandbytes", "make setup EXTRA=gpu"),
    ({"optim": "stable_adamw"}, "trl.optim: stable_adamw", "optimi", "uv pip install torch-optimi"),
    ({"report_to": "wandb"}, "trl.report_to: wandb", "wandb", ".[wandb]"),
    ({"report_to": ["mlflow", "wandb"]}, "trl.report_to: wandb", "wandb", ".[wandb]"),
    (
        {"model_init_kwargs": {ATTENTION: "flash_attention_2"}},
        "attn_implementation: flash_attention_2",
        "kernels",
        ".[flash]",
    ),
    (
        {"model_init_kwargs": {ATTENTION: "kernels-community/flash-attn3"}},
        "attn_implementation: kernels-community/flash-attn3",
        "kernels",
        ".[flash]",
    ),
]
WORKING: list[dict[str, Any]] = [
    {},
    {"use_liger_kernel": False, "deepspeed": None, "optim": "adamw_torch_fused"},
    {"report_to": "none"},
    {"report_to": ["mlflow"]},
    {"model_init_kwargs": None},
    {"model_init_kwargs": {ATTENTION: "sdpa", "dtype": "bfloat16"}},
    {"push_to_hub": False},
]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "find_spec", lambda _name: None)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(("trl", "option", "package", "install"), MISSING)
def test_a_missing_package_is_one_line(
    trl: dict[str, Any], option: str, package: str, install: str
) -> None:
    with pytest.raises(TrainError) as refusal:
        require(Recipe("sft", "sft", trl))
    said = str(refusal.value)
    assert "\n" not in said
    assert all(word in said for word in (option, f"the package {package}:", install))


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("trl", WORKING)
def test_other_options_need_nothing(trl: dict[str, Any]) -> None:
    require(Recipe("sft", "sft", trl))


def test_what_is_installed_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "find_spec", lambda name: find_spec("json") and name)
    for trl, *_ in MISSING:
        require(Recipe("sft", "sft", trl))


@pytest.mark.usefixtures("bare")
def test_quantization_needs_its_package_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for bits in ("4bit", "8bit"):
        recipe = Recipe("sft", "sft", {}, {"r": 2}, {f"load_in_{bits}": True})
        with pytest.raises(TrainError, match=f"load_in_{bits}: True needs .* bitsandbytes"):
            require(recipe)


@pytest.mark.parametrize("name", [one.value for one in OptimizerNames])
def test_every_optimizer_that_transformers_misses_a_package_for_is_refused(
    name: str, tmp_path: Path
) -> None:
    """Whatever is installed here; torch_xla, torch_npu and torchdistx are of other machines."""
    if name in ("adamw_torch_xla", "adamw_torch_npu_fused", "adamw_anyprecision"):
        return
    more = {"optim_target_modules": "all-linear"} if re.match("galore|apollo", name) else {}
    args = TrainingArguments(str(tmp_path), optim=name, report_to="none", use_cpu=True, **more)
    try:
        Trainer.get_optimizer_cls_and_kwargs(args, build_model(TINY, build_tokenizer([], TINY), 0))
    except (ImportError, ValueError):
        with pytest.raises(TrainError, match=f"optim: {name} needs the package"):
            require(Recipe("sft", "sft", {"optim": name}))
    else:
        require(Recipe("sft", "sft", {"optim": name}))


def test_an_extra_that_a_message_names_is_one_and_brings_the_package() -> None:
    text = (Path(options.__file__).parents[3] / "pyproject.toml").read_text()
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    named = [
        (need, extra) for need in NEEDS for extra in extras if need.install == EXTRA.format(extra)
    ]
    assert {extra for _, extra in named} == {"liger", "deepspeed", "flash", "wandb"}
    for need, extra in named:
        assert extras[extra][0].startswith(need.modules[0].replace("_", "-"))
    assert any(one.startswith("bitsandbytes") for one in extras["gpu"])


@pytest.mark.parametrize("accelerate", ["", "configs/accelerate/ddp.yaml"])
@pytest.mark.usefixtures("bare")
def test_a_training_is_refused_before_rows_or_model_are_looked_at(
    tmp_path: Path, accelerate: str
) -> None:
    arms = {"arm": Arm(method="sft", dataset="sft", trl={**TRL, "use_liger_kernel": True})}
    config = TrainConfig(0, Holdout(), 0.0, accelerate, arms)
    with pytest.raises(TrainError, match="use_liger_kernel"):
        train_arm(config, "arm", tmp_path / "nowhere", tmp_path / "none", work=tmp_path / "work")


@pytest.mark.usefixtures("bare")
def test_deepspeed_by_accelerate_is_too(tmp_path: Path) -> None:
    launched = tmp_path / "ds.yaml"
    launched.write_text("distributed_type: DEEPSPEED\n")
    arms = {"arm": Arm(method="sft", dataset="sft", trl=TRL)}
    config = TrainConfig(0, Holdout(), 0.0, str(launched), arms)
    with pytest.raises(TrainError, match=r"ds\.yaml needs the package deepspeed"):
        train_arm(config, "arm", tmp_path / "nowhere", tmp_path / "none", work=tmp_path / "work")


def test_nothing_is_pushed_to_the_hub() -> None:
    with pytest.raises(TrainError, match="push_to_hub would push every checkpoint"):
        require(Recipe("sft", "sft", {"push_to_hub": True}))
