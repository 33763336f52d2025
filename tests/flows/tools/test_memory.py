"""The memory of a training run, from a configuration alone, against sizes that are known."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from flows import params
from flows.tools import memory
from tasks.train.memory import GIB
from tasks.train.recipe import Arm, TrainConfig

LLAMA = "configs/models/llama-3-8b"
WEIGHTS, LINEAR, LORA = 8_030_261_248, 6_979_321_856, 167_772_160
"""Of Llama-3-8B: all, those in linear layers without the output, and a LoRA of rank 64 on them."""


@pytest.fixture(scope="module")
def paper() -> TrainConfig:
    train: TrainConfig = params.merged(["paper-8b"])["train"]
    return train


def sft(train: TrainConfig, longest: int = 1024, **changes: object) -> memory.Memory:
    arm: Arm = replace(train.arms["josh_sft"], **changes)  # type: ignore[arg-type]
    return memory.memory_of(replace(train, arms={"josh_sft": arm}), LLAMA, longest)["josh_sft"]


def test_llama_3_has_the_weights_it_is_known_for(paper: TrainConfig) -> None:
    needed = sft(paper)
    assert needed.weights == pytest.approx(WEIGHTS * 2 / GIB, rel=1e-6)
    assert needed.gradients == pytest.approx(LORA * 4 / GIB, rel=1e-6)
    assert needed.optimizer == pytest.approx(2 * needed.gradients)
    assert needed.reference == 0


@pytest.mark.parametrize(("dtype", "size"), [(None, 4), ("float32", 4), ("auto", 2)])
def test_without_a_dtype_the_weights_are_those_that_trl_loads(
    paper: TrainConfig, dtype: str | None, size: int
) -> None:
    trl = {**paper.arms["josh_sft"].trl, "model_init_kwargs": {"dtype": dtype} if dtype else None}
    assert sft(paper, trl=trl).weights == pytest.approx(WEIGHTS * size / GIB, rel=1e-6)


def test_four_bits_pack_the_linear_layers_alone(paper: TrainConfig) -> None:
    needed = sft(paper, quantization={"load_in_4bit": True})
    other = (WEIGHTS - LINEAR) * 2
    assert needed.weights == pytest.approx((LINEAR * 0.5625 + other) / GIB, rel=1e-6)
    assert needed.gradients == pytest.approx(LORA * 2 / GIB, rel=1e-6)


def test_longer_texts_take_more_and_shards_take_less(paper: TrainConfig) -> None:
    short, long = sft(paper, 1024), sft(paper, 2048)
    assert long.activations == pytest.approx(2 * short.activations)
    shared = memory.memory_of(
        replace(paper, accelerate="configs/accelerate/fsdp.yaml"), LLAMA, 1024
    )["josh_sft"]
    assert shared.weights == pytest.approx(short.weights / 2)
    assert shared.activations > short.activations  # a layer at a time is gathered


@pytest.mark.slow
def test_the_configs_fit_the_machines_they_are_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert memory.main(["paper-8b", "--model", LLAMA, "--gib", "80"]) == 0
    assert memory.main(["paper-8b", "2x24gb", "--model", LLAMA, "--gib", "24"]) == 0
    lines = capsys.readouterr().out.splitlines()
    arms = params.merged(["paper-8b"])["train"].policies
    assert [line.partition(":")[0] for line in lines] == 2 * [*arms, "disk"]
    told = [line for line in lines if not line.startswith("disk")]
    assert all(re.search(r"\d+\.\d GiB on each GPU \(weights ", line) for line in told)


@pytest.mark.slow
def test_what_does_not_fit_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert memory.main(["paper-8b", "--model", LLAMA, "--gib", "12"]) == 1
    assert "too much for 12 GiB" in capsys.readouterr().out
    assert memory.main(["papper"]) == 1
    assert "no config 'papper'" in capsys.readouterr().err
    assert memory.main(["paper-8b", "--model", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
