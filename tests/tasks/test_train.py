"""TRL trains a tiny model on rows as the extractors write them."""

from __future__ import annotations

import json

import pytest

from tasks.embedded import EmbeddedConfig, build_model, build_tokenizer
from tasks.train import (
    COLUMNS,
    Recipe,
    TrainConfig,
    TrainError,
    build_trainer,
    read_rows,
    train,
    train_arm,
)

CONFIG = EmbeddedConfig(
    vocab_size=320,
    hidden_size=32,
    intermediate_size=64,
    layers=2,
    heads=4,
    kv_heads=2,
    max_length=512,
)
TRL = {
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "max_length": None,
    "per_device_train_batch_size": 2,
    "num_train_epochs": 1,
    "learning_rate": 1e-3,
    "report_to": "none",
    "save_strategy": "no",
    "disable_tqdm": True,
}
TOOLS = json.dumps(
    [
        {
            "type": "function",
            "function": {"name": "search_hotel", "parameters": {"properties": {"area": {}}}},
        }
    ]
)
CALL = {
    "id": "call_0",
    "type": "function",
    "function": {"name": "search_hotel", "arguments": '{"area": "north"}'},
}
USER = {"role": "user", "content": "a hotel in the north"}
GOOD = {"role": "assistant", "content": "", "tool_calls": [CALL]}
BAD = {"role": "assistant", "content": "no"}
ROWS = {
    "sft": [{"messages": [USER, GOOD], "tools": TOOLS, "scenario": "a", "node": 0}] * 4,
    "kto": [
        {"prompt": [USER], "completion": [text], "label": text is GOOD, "tools": TOOLS}
        for text in (GOOD, BAD)
    ]
    * 2,
    "dpo": [{"prompt": [USER], "chosen": [GOOD], "rejected": [BAD], "tools": TOOLS}] * 4,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    tokenizer = build_tokenizer(["a hotel in the north", CALL["function"]["arguments"]] * 4, CONFIG)
    build_model(CONFIG, tokenizer, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def datasets(tmp_path):
    for name, rows in ROWS.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.mark.parametrize("method", ["sft", "kto", "dpo"])
def test_every_method_changes_the_model_and_keeps_its_template(base, datasets, tmp_path, method):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = TrainConfig(seed=0, arms={"arm": Recipe(method, method, TRL, {})})
    out = tmp_path / "model"
    trained = train_arm(config, "arm", base, datasets, out, work=tmp_path / "work")
    assert (trained.rows, trained.steps) == (4, 2)
    before = AutoModelForCausalLM.from_pretrained(base).get_input_embeddings().weight
    after = AutoModelForCausalLM.from_pretrained(out).get_input_embeddings().weight
    assert not before.equal(after)
    template = AutoTokenizer.from_pretrained(base).chat_template
    assert AutoTokenizer.from_pretrained(out).chat_template == template
    assert not (tmp_path / "work").exists()


def test_a_lora_is_merged_into_its_base(base, datasets, tmp_path):
    lora = {"r": 2, "target_modules": ["q_proj"]}
    rows = read_rows(datasets / "sft.jsonl", COLUMNS["sft"])
    train(
        Recipe("sft", "sft", TRL, lora),
        rows,
        base,
        tmp_path / "model",
        work=tmp_path / "work",
        seed=0,
    )
    assert (tmp_path / "model" / "model.safetensors").exists()
    assert not (tmp_path / "model" / "adapter_config.json").exists()


def test_a_killed_run_goes_on_from_its_checkpoint(base, datasets, tmp_path):
    options = {**TRL, "save_strategy": "steps", "save_steps": 1, "max_steps": 1}
    rows = read_rows(datasets / "sft.jsonl", COLUMNS["sft"])
    work, out = tmp_path / "work", tmp_path / "model"

    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    build_trainer(Recipe("sft", "sft", options, {}), rows, model, tokenizer, work, 0).train()
    assert list(work.glob("checkpoint-1"))
    go_on = Recipe("sft", "sft", {**options, "max_steps": 2}, {})
    assert train(go_on, rows, base, out, work=work, seed=0).steps == 2


def test_no_rows_is_an_error(base, datasets, tmp_path):
    (datasets / "sft.jsonl").write_text("")
    config = TrainConfig(seed=0, arms={"arm": Recipe("sft", "sft", TRL, {})})
    with pytest.raises(TrainError, match="'sft' has no rows"):
        train_arm(config, "arm", base, datasets, tmp_path / "model", work=tmp_path / "work")


def test_an_unknown_option_is_named(base, datasets, tmp_path):
    recipe = Recipe("sft", "sft", {**TRL, "lerning_rate": 1}, {})
    rows = read_rows(datasets / "sft.jsonl", COLUMNS["sft"])
    with pytest.raises(TrainError, match="lerning_rate"):
        train(recipe, rows, base, tmp_path / "model", work=tmp_path / "work", seed=0)


def test_an_unknown_arm_is_named(base, datasets, tmp_path):
    with pytest.raises(TrainError, match=r"no train\.arms\.b; it has: a"):
        train_arm(
            TrainConfig(seed=0, arms={"a": Recipe("sft", "sft", TRL, {})}),
            "b",
            base,
            datasets,
            tmp_path / "model",
            work=tmp_path / "work",
        )


def test_no_model_is_an_error(datasets, tmp_path):
    rows = read_rows(datasets / "sft.jsonl", COLUMNS["sft"])
    with pytest.raises(FileNotFoundError, match="no model at"):
        train(
            Recipe("sft", "sft", TRL, {}),
            rows,
            tmp_path / "x",
            tmp_path / "y",
            work=tmp_path,
            seed=0,
        )
