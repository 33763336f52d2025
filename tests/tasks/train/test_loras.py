"""A LoRA is saved alone or merged, exported whole, and trained further."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from services.engines.models.adapters import find, is_alone
from services.engines.models.merging import export
from tasks.train.job import (
    Continued,
    Recipe,
    fit,
    train_arm,
)
from tasks.train.rows import read_rows
from tests.helpers.tiny import TRL
from tests.tasks.train.arms import config, weights


def test_a_lora_is_saved_alone_and_exported_whole(place, datasets, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    lora = {"r": 2, "target_modules": ["q_proj"], "init_lora_weights": False}
    trained = train_arm(config(lora=lora), "arm", place, datasets, work=tmp_path / "work")
    out = place / "trained" / "arm"
    assert is_alone(out)
    assert [path.parent.name for path in out.rglob("*.safetensors")] == ["adapter"]
    served = find(out)  # engines serve it on what it was trained on
    assert served
    assert served.base == place / "start"
    assert AutoTokenizer.from_pretrained(out).chat_template

    assert export(out, tmp_path / "whole") == trained.bfloat16_keeps
    assert not is_alone(tmp_path / "whole")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "whole")
    assert AutoTokenizer.from_pretrained(tmp_path / "whole").chat_template
    base = AutoModelForCausalLM.from_pretrained(place / "start")
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        plain = base(ids).logits
        adapted = PeftModel.from_pretrained(base, out / "adapter")(ids).logits
        assert torch.allclose(merged(ids).logits, adapted, atol=1e-4)
        assert not torch.allclose(plain, adapted, atol=1e-4)


@pytest.mark.parametrize("what", ["an option", "the template"])
def test_a_lora_that_no_engine_serves_is_saved_merged(place, datasets, tmp_path, what):
    lora = {
        "r": 2,
        "target_modules": ["q_proj"],
        "bias": "lora_only" if what == "an option" else "none",
    }
    start = place / "start"
    tokenizer = AutoTokenizer.from_pretrained(start)
    if what == "the template":
        tokenizer.chat_template += "{# of training #}"
    rows = read_rows(datasets / "sft.jsonl", "sft")
    recipe = Recipe("sft", "sft", TRL, lora)
    trained = fit(recipe, rows, str(start), tokenizer, tmp_path / "out", work=tmp_path, seed=0)
    assert not is_alone(tmp_path / "out")
    assert find(tmp_path / "out") is None
    assert trained.bfloat16_keeps is not None


def test_a_small_update_of_a_bfloat16_base_is_saved_whole(place, datasets, tmp_path, caplog):
    """Merged in bfloat16 nearly nothing of it would be left."""
    from transformers import AutoModelForCausalLM

    start = AutoModelForCausalLM.from_pretrained(place / "start", dtype=torch.bfloat16)
    start.save_pretrained(place / "start")
    lora = {"r": 2, "lora_alpha": 2, "target_modules": ["q_proj", "down_proj"]}
    trl = {**TRL, "learning_rate": 1e-4}
    train_arm(config(lora=lora, trl=trl), "arm", place, datasets, work=tmp_path / "work")
    out = tmp_path / "whole"
    with caplog.at_level("INFO"):
        export(place / "trained" / "arm", out)
    base, saved = weights(place / "start"), weights(out)
    halves = load_file(place / "trained" / "arm" / "adapter" / "adapter_model.safetensors")
    lost = meant = rounded = 0.0
    for name, weight in base.items():
        assert saved[name].dtype == torch.float32
        change = saved[name].double() - weight.double()
        up = halves.get(f"base_model.model.{name.removesuffix('weight')}lora_B.weight")
        if up is None:
            assert not change.any()
            continue
        down = halves[f"base_model.model.{name.removesuffix('weight')}lora_A.weight"]
        delta = up.double() @ down.double()
        lost += float((change - delta).square().sum())
        rounded += float((saved[name].bfloat16().double() - weight.double()).square().sum())
        meant += float(delta.square().sum())
    assert json.loads((out / "config.json").read_text())["dtype"] == "float32"
    assert meant > 0
    assert 1 - (lost / meant) ** 0.5 >= 0.99
    assert (rounded / meant) ** 0.5 < 0.9
    said = [line for line in caplog.messages if "of the update" in line]
    assert "bfloat16 keeps" in said[0]


@pytest.mark.parametrize("lora", [{}, {"r": 2, "target_modules": ["q_proj"]}])
def test_an_arm_starts_from_a_lora(place, datasets, tmp_path, lora):
    """What was merged for it does not stay, so it is a whole model in any case."""
    first = {"r": 2, "target_modules": ["q_proj"], "init_lora_weights": False}
    one = config(lora=first)
    train_arm(one, "arm", place, datasets, work=tmp_path / "work")
    further = Continued(**{**asdict(one.arms["arm"]), "lora": lora}, start="arm")
    two = replace(one, continued={"further": further})
    trained = train_arm(two, "further", place, datasets, work=tmp_path / "further")
    assert (trained.bfloat16_keeps is None) == (lora == {})
    out = place / "continued" / "further"
    assert not (out / "adapter").exists()
    assert not (tmp_path / "further").exists()
    export(place / "trained" / "arm", tmp_path / "merged")
    name = "model.layers.0.self_attn.q_proj.weight"
    start, before, after = (
        weights(one)[name] for one in (place / "start", tmp_path / "merged", out)
    )
    assert (after - before).norm() < (before - start).norm()
