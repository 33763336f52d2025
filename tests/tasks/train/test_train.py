"""TRL trains a tiny model on rows as the extractors write them."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from tasks.train.job import (
    Continued,
    Recipe,
    TrainError,
    fit,
    train_arm,
)
from tasks.train.rows import read_rows
from tests.helpers.tiny import TRL
from tests.tasks.train.arms import GOOD, ROWS, TOOLS, USER, config, weights


@pytest.mark.parametrize("method", ["sft", "kto", "dpo"])
def test_every_method_changes_the_model_and_keeps_its_template(place, datasets, tmp_path, method):
    one = config(method=method, dataset=method)
    trained = train_arm(one, "arm", place, datasets, work=tmp_path / "work")
    assert (trained.rows, trained.held_out, trained.steps) == (4, 0, 2)
    name = "model.embed_tokens.weight"
    assert not weights(place / "start")[name].equal(weights(place / "trained" / "arm")[name])
    template = (place / "start" / "chat_template.jinja").read_text()
    assert (place / "trained" / "arm" / "chat_template.jinja").read_text() == template
    assert not (tmp_path / "work").exists()


def test_sft_reads_single_answers_too(place, datasets, tmp_path):
    good = [row for row in ROWS["kto"] if row["label"]]
    (datasets / "sft.jsonl").write_text("".join(json.dumps(row) + "\n" for row in good))
    trained = train_arm(config(), "arm", place, datasets, work=tmp_path / "work")
    assert trained.rows == 2


def test_an_arm_starts_from_another_one(place, datasets, tmp_path):
    (place / "trained").mkdir()
    (place / "start").rename(place / "trained" / "arm")
    one = config()
    further = Continued(**asdict(one.arms["arm"]), start="arm")
    two = replace(one, continued={"further": further})
    assert train_arm(two, "further", place, datasets, work=tmp_path / "work").steps == 2
    assert (place / "continued" / "further" / "config.json").exists()


def test_a_run_stops_when_held_out_rows_get_worse_and_keeps_the_best(place, datasets, tmp_path):
    rows = [
        {"messages": [{**USER, "content": f"hotel {i}"}, GOOD], "tools": TOOLS,
         "scenario": f"s{i}", "node": 0}
        for i in range(10)
    ]  # fmt: skip
    (datasets / "sft.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    trl = {**TRL, "num_train_epochs": 6, "learning_rate": 5.0, "lr_scheduler_type": "constant"}
    del trl["save_strategy"]
    one = config(trl=trl, share=0.2)
    trained = train_arm(one, "arm", place, datasets, work=tmp_path / "work")
    assert (trained.rows, trained.held_out) == (8, 2)
    assert trained.steps < 6 * 4
    assert trained.best_loss is not None


class Killed(BaseException):
    """What a kill is to the code: nothing after it runs."""


def killed_in(step, monkeypatch):
    """From now on a training dies when it has saved that step, and has begun to save the next."""
    from transformers import Trainer

    save = Trainer._save_checkpoint

    def until(self, *args, **kwargs):
        save(self, *args, **kwargs)
        if self.state.global_step == step:
            next_one = Path(self.args.output_dir, f"checkpoint-{step + 1}")
            shutil.copytree(next_one.with_name(f"checkpoint-{step}"), next_one)
            (next_one / "trainer_state.json").write_text('{"global_st')
            raise Killed

    monkeypatch.setattr(Trainer, "_save_checkpoint", until)


@pytest.fixture(params=[("sft", "rows"), ("kto", "tree")], ids=" on ".join)
def killed(request, place, datasets, tmp_path, monkeypatch):
    """A configuration whose training was killed in the second of three steps."""
    method, packing = request.param
    trl = {**TRL, "save_strategy": "steps", "save_steps": 1, "max_steps": 3}
    trl |= {"precompute_ref_log_probs": True} if method == "kto" else {}
    one = config(packing=packing, method=method, dataset=method, trl=trl)
    with monkeypatch.context() as patch:
        killed_in(1, patch)
        with pytest.raises(Killed):
            train_arm(one, "arm", place, datasets, work=tmp_path / "work")
    assert len(list(tmp_path.glob("work/*/checkpoint-*"))) == 2
    return one


def test_a_killed_run_goes_on_from_its_last_whole_checkpoint_to_the_same_model(
    killed, place, datasets, tmp_path, caplog
):
    with caplog.at_level("INFO"):
        assert train_arm(killed, "arm", place, datasets, work=tmp_path / "work").steps == 3
    assert [m.rpartition("/")[2] for m in caplog.messages if "continuing" in m] == ["checkpoint-1"]
    assert ("log-probabilities are known" in caplog.text) == (killed.packing == "tree")
    gone_on = (place / "trained" / "arm" / "model.safetensors").read_bytes()
    train_arm(killed, "arm", place, datasets, work=tmp_path / "afresh")
    assert gone_on == (place / "trained" / "arm" / "model.safetensors").read_bytes()
    assert not (tmp_path / "work").exists()


def test_other_rows_never_go_on_from_a_checkpoint(killed, place, datasets, tmp_path, caplog):
    name = killed.arms["arm"].dataset
    with (datasets / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps({**ROWS[name][0], "scenario": "new", "node": 0}) + "\n")
    with caplog.at_level("INFO"):
        train_arm(killed, "arm", place, datasets, work=tmp_path / "work")
    assert "continuing" not in caplog.text


def test_a_model_in_memory_is_trained_too(tiny_model, datasets, tmp_path):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    rows = read_rows(datasets / "sft.jsonl", "sft")
    recipe = Recipe("sft", "sft", TRL)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    fit(recipe, rows, model, tokenizer, tmp_path / "out", work=tmp_path / "work", seed=0)
    assert (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize("method", ["sft", "kto", "dpo"])
@pytest.mark.parametrize("lora", [{}, {"r": 2, "target_modules": ["q_proj"]}])
def test_a_training_that_left_the_numbers_stops_and_saves_nothing(
    place, datasets, tmp_path, method, lora
):
    trl = {**TRL, "learning_rate": 1e30, "max_steps": 3, "num_train_epochs": 1}
    broken = config(method=method, dataset=method, trl=trl, lora=lora)
    with pytest.raises(TrainError, match=r"no number.*learning_rate|the loss became"):
        train_arm(broken, "arm", place, datasets, work=tmp_path / "work")
    assert not (place / "trained" / "arm").exists()


def test_no_rows_is_an_error(place, datasets, tmp_path):
    (datasets / "sft.jsonl").write_text("")
    with pytest.raises(TrainError, match="'sft' has no rows"):
        train_arm(config(), "arm", place, datasets, work=tmp_path / "work")


def test_an_unknown_option_is_named(place, datasets, tmp_path):
    for wrong in ({"trl": {**TRL, "lerning_rate": 1}}, {"lora": {"rr": 1}}):
        with pytest.raises(TrainError, match=r"lerning_rate|rr"):
            train_arm(config(**wrong), "arm", place, datasets, work=tmp_path / "work")


TRUSTS = {"trust_remote_code": True}


KERNELS = {"allow_all_kernels": True}


@pytest.mark.parametrize(
    "options", [TRUSTS, {"model_init_kwargs": TRUSTS}, {"model_init_kwargs": KERNELS}]
)
def test_no_option_lets_a_models_code_run(place, datasets, tmp_path, options):
    trl = {**TRL, **options}
    with pytest.raises(TrainError, match="no code of a model is ever run"):
        train_arm(config(trl=trl), "arm", place, datasets, work=tmp_path / "work")


def test_an_unknown_arm_is_named(place, datasets, tmp_path):
    with pytest.raises(TrainError, match=r"no train\.arms\.b; it has: arm"):
        train_arm(config(), "b", place, datasets, work=tmp_path / "work")


def test_no_model_is_an_error(place, datasets, tmp_path):
    shutil.rmtree(place / "start")
    with pytest.raises(FileNotFoundError, match="no model at"):
        train_arm(config(), "arm", place, datasets, work=tmp_path / "work")


def test_qlora_needs_a_lora_and_a_gpu(place, datasets, tmp_path):
    four_bits = {"load_in_4bit": True}
    with pytest.raises(TrainError, match="quantization needs a lora"):
        train_arm(config(quantization=four_bits), "arm", place, datasets, work=tmp_path / "work")
    if torch.cuda.is_available():
        return
    one = config(quantization=four_bits, lora={"r": 2})
    with pytest.raises(TrainError, match="needs an NVIDIA GPU"):
        train_arm(one, "arm", place, datasets, work=tmp_path / "work")
