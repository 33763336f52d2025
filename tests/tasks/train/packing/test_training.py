"""Training on trees is training on rows: the same losses at each step, the same weights after."""

from __future__ import annotations

import logging

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config

from josh.rows.curation import extract
from tasks.train.job import Holdout, Recipe
from tasks.train.trainers import arguments, build_trainer
from tests.helpers.branching import dialogue_rows
from tests.helpers.grown import MOVES, grown
from tests.helpers.tiny import TRL

LORA = {"r": 4, "target_modules": ["q_proj", "v_proj", "down_proj"]}
PREFERENCE = {"precompute_ref_log_probs": True}
IN_ORDER = {"train_sampling_strategy": "sequential"}
CASES = {
    "SFT": ("sft", {"assistant_only_loss": True, **IN_ORDER}, {}),
    "SFT, accumulated": ("sft", {"gradient_accumulation_steps": 3, **IN_ORDER}, {}),
    "SFT, DFT, LoRA": ("sft", {"loss_type": "dft", **IN_ORDER}, LORA),
    "KTO": ("kto", PREFERENCE, {}),
    "KTO, one by one": ("kto", {"loss_type": "apo_zero_unpaired", **PREFERENCE}, {}),
    "KTO, accumulated": ("kto", {"gradient_accumulation_steps": 3, **PREFERENCE}, {}),
    "KTO, LoRA, asked anew": ("kto", {"gradient_accumulation_steps": 2}, LORA),
    "KTO, weights": ("kto", {"undesirable_weight": 0.3, "beta": 0.5, **PREFERENCE}, {}),
    "DPO": ("dpo", PREFERENCE, {}),
    "DPO, SFT term": ("dpo", {"loss_type": ["sigmoid", "sft"], **PREFERENCE}, {}),
    "DPO, SFT term, accumulated": (
        "dpo",
        {"loss_type": ["sigmoid", "sft"], "gradient_accumulation_steps": 3, **PREFERENCE},
        {},
    ),
    "DPO, weighted, lengths": ("dpo", {"use_weighting": True, "ld_alpha": 0.5, **PREFERENCE}, {}),
    "DPO, LoRA, asked anew": ("dpo", {"loss_type": "ipo"}, LORA),
}
OTHERWISE = (
    "runtime",
    "per_second",
    "epoch",
    "total_flos",
    "num_input_tokens_seen",
    "rewards/accuracies",
)
"""Figures of time, of padding, and one that asks which of two zeros is greater."""


@pytest.fixture(scope="module")
def policy(tiny_model, tmp_path_factory):
    """A model whose answers depend on the context, as an untrained one's hardly do."""
    folder = tmp_path_factory.mktemp("policy")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.1,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def trained(policy, rows, method, options, lora, work, *, trees, held_out=None):
    recipe = Recipe(method, method, {**TRL, "logging_steps": 1, **options}, lora)
    args = arguments(recipe, work, 0, watched=held_out is not None)
    trainer = build_trainer(
        recipe,
        args,
        Dataset.from_list(rows),
        held_out and Dataset.from_list(held_out),
        str(policy),
        AutoTokenizer.from_pretrained(policy),
        Holdout(),
        trees=work / "references" if trees else None,
    )
    trainer.train()
    return trainer


def figures(trainer):
    """All that is logged, at each step and at the end, but for some figures."""
    return [
        {name: value for name, value in entry.items() if not any(one in name for one in OTHERWISE)}
        for entry in trainer.state.log_history
    ]


def assert_same(one, other):
    assert len(figures(one)) == len(figures(other))
    for step, (a, b) in enumerate(zip(figures(one), figures(other), strict=True)):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-5), step
    for name, weight in one.model.state_dict().items():
        assert torch.allclose(weight, other.model.state_dict()[name], atol=1e-5), name


@pytest.mark.parametrize("case", CASES)
def test_an_epoch_on_trees_is_one_on_rows(policy, tmp_path, case):
    method, options, lora = CASES[case]
    rows = dialogue_rows(method, 4, seed=5)
    rowwise = trained(policy, rows, method, options, lora, tmp_path, trees=False)
    packed = trained(policy, rows, method, options, lora, tmp_path, trees=True)
    assert packed.forward.computed < 0.9 * packed.forward.asked
    assert_same(rowwise, packed)


def test_batches_that_share_nothing_are_accumulated_as_rows_are(policy, tmp_path):
    rows = dialogue_rows("sft", 7, seed=9)[::2]
    rest = ("sft", {"gradient_accumulation_steps": 3}, {}, tmp_path)
    both = [trained(policy, rows, *rest, trees=trees) for trees in (False, True)]
    assert both[1].forward.computed == both[1].forward.asked
    assert_same(*both)


def test_held_out_rows_are_watched_alike(policy, tmp_path):
    sets = dialogue_rows("kto", 4, seed=6), dialogue_rows("kto", 2, seed=7)
    rest = ("kto", {"save_strategy": "epoch", **PREFERENCE}, {}, tmp_path)
    both = [trained(policy, sets[0], *rest, trees=t, held_out=sets[1]) for t in (False, True)]
    assert [one for one in figures(both[0]) if "eval_loss" in one]
    assert_same(*both)


@pytest.mark.parametrize("method", ["kto", "dpo"])
def test_rows_of_a_search_are_trained_alike(policy, tmp_path, method):
    trees = [grown(MOVES, "ab"), grown({**MOVES, "2": ["+c", "sorry"]}, "abc")]
    rows = [
        {name: row[name] for name in row if name not in ("node", "rejected_node")}
        for row in extract(method, trees).rows
    ] * 3
    both = [trained(policy, rows, method, PREFERENCE, {}, tmp_path, trees=t) for t in (False, True)]
    assert_same(*both)


def test_memory_is_kept_to_by_pieces(policy, tmp_path, monkeypatch):
    """No more tokens are at once in a piece than rows would have, however many are put together."""
    from tasks.train.packing import forward

    sizes = []
    run = forward.TreeForward._run

    def noted(self, piece):
        if torch.is_grad_enabled():
            sizes.append(len(piece.ids))
        return run(self, piece)

    monkeypatch.setattr(forward.TreeForward, "_run", noted)
    monkeypatch.setattr("tasks.train.packing.cuts.PASS", 0.0)
    rows = dialogue_rows("dpo", 6, seed=8)
    options = {"gradient_accumulation_steps": 8, "per_device_train_batch_size": 1}
    packed = trained(policy, rows, "dpo", options, {}, tmp_path, trees=True)
    texts = [
        len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))
        for row in packed.train_dataset
    ]
    assert sizes
    assert max(sizes) <= 2 * max(texts)


def test_what_cannot_be_packed_is_trained_in_rows_and_said(tiny_model, tmp_path, caplog):
    model = AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="eager")
    model.config.sliding_window, model.config.use_sliding_window = 64, True
    model.save_pretrained(tmp_path / "sliding")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "sliding")
    caplog.set_level(logging.INFO, "tasks.train")
    rows = dialogue_rows("kto", 2, seed=5)
    options = {"gradient_accumulation_steps": 2, **PREFERENCE}
    packed = trained(tmp_path / "sliding", rows, "kto", options, {}, tmp_path, trees=True)
    assert packed.forward is None
    assert packed.args.gradient_accumulation_steps == 2
    assert "packing: rows, as attention slides" in caplog.text
    rowwise = trained(tmp_path / "sliding", rows, "kto", options, {}, tmp_path, trees=False)
    assert figures(packed) == figures(rowwise)
