"""Reasons to train rows after all: what a trie's mask or its batches cannot express."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from tasks.train.packing.forward import TreeForward

ATTENTIONS = ("sdpa", "eager")
"""transformers' implementations that take a mask of any form, and add nothing to it."""
FULL = "full_attention"
UNTRIED = ("activation_offloading", "auto_find_batch_size", "torch_compile", "use_liger_kernel")
"""Options of TRL that go through the forward, and were not tried with another one."""
EXACT, ROUNDED = 1e-3, 0.1
"""Mean difference in nats of a log-probability that is rounding: in float32, in 16 bits."""


def why_rows(trainer: Any) -> str:
    """What keeps a trainer from packing, said of it; "" if nothing does."""
    return _first(_of_options(trainer)) or of_model(bare(trainer.model))


def of_model(model: Any) -> str:
    """What keeps a model that has TRL's fused output layer from packing; "" if nothing does."""
    if reason := _first(_of_configuration(model)):
        return reason
    difference = probe(model)
    limit = EXACT if model.dtype == torch.float32 else ROUNDED
    # what is no number is no reason to pack
    return "" if difference <= limit else f"the model's answers then differ by {difference:.2g}"


def _first(reasons: Iterator[tuple[str, bool]]) -> str:
    return next((reason for reason, is_so in reasons if is_so), "")


def bare(model: Any) -> Any:
    """The model itself, without what a LoRA or accelerate puts around it."""
    while hasattr(model, "module"):
        model = model.module
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _of_options(trainer: Any) -> Iterator[tuple[str, bool]]:
    args, accelerator = trainer.args, trainer.accelerator
    adapters = getattr(trainer.model, "peft_config", {}).values()
    yield "several processes train", args.world_size > 1
    yield "DeepSpeed or FSDP is at work", trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled
    yield "the sequences are shared out", accelerator.parallelism_config is not None
    for name in ("packing", "padding_free"):
        yield f"TRL's {name} has an order of its own", bool(getattr(args, name, False))
    for name in UNTRIED:
        yield f"{name} is set", bool(getattr(args, name, False))
    yield "noise is added to the embeddings", bool(args.neftune_noise_alpha)
    yield "label smoothing needs all logits", bool(args.label_smoothing_factor)
    yield "images are read", bool(trainer._is_vlm)
    yield "the experts' load is part of the loss", bool(trainer.aux_loss_enabled)
    yield "the prompt is learned", any(one.is_prompt_learning for one in adapters)


def _of_configuration(model: Any) -> Iterator[tuple[str, bool]]:
    config = model.config.get_text_config()
    layers = set(getattr(config, "layer_types", None) or [FULL])
    attention = config._attn_implementation
    yield f"layers are of the kind {', '.join(sorted(layers - {FULL}))}", layers != {FULL}
    is_slid = getattr(config, "use_sliding_window", True) and not hasattr(config, "layer_types")
    devices = set(getattr(model, "hf_device_map", {}).values())
    yield "the model is on several devices", len(devices) > 1
    yield "attention slides", bool(is_slid and getattr(config, "sliding_window", None))
    yield "attention is in chunks", bool(getattr(config, "attention_chunk_size", None))
    yield f"the attention {attention} takes no mask of a tree", attention not in ATTENTIONS
    yield "positions are in the attention", bool(getattr(config, "alibi", False))
    known = inspect.signature(type(model.base_model).forward).parameters
    yield "the model takes no positions", "position_ids" not in known
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = {str(one) for one in _values(rope, "rope_type")}
    yield "positions depend on the longest text", bool(kinds & {"dynamic", "longrope"})


def _values(record: dict[str, Any], name: str) -> Iterator[Any]:
    """The values of a name in a record of records."""
    for key, value in record.items():
        if key == name:
            yield value
        elif isinstance(value, dict):
            yield from _values(value, name)


def probe(model: Any) -> float:
    """The mean difference between the log-probabilities of a packed forward and of a padded one.

    Of a few rows of chance tokens that share beginnings: it finds what no configuration tells, as
    convolutions and states that go along the sequence.
    """
    chance = np.random.default_rng(0)
    known = min(model.config.get_text_config().vocab_size, 30_000)
    stem, *ends = (chance.integers(5, known, size) for size in (24, 9, 7, 9, 5))
    texts = [
        np.concatenate([stem[:cut], end]) for cut, end in zip((24, 24, 12, 0), ends, strict=True)
    ]
    width = max(map(len, texts))
    ids, lengths = np.zeros((len(texts), width), dtype=np.int64), np.array(list(map(len, texts)))
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = text
    mask = np.arange(width) < lengths[:, None]
    batch = {
        "input_ids": torch.tensor(ids, device=model.device),
        "attention_mask": torch.tensor(mask, device=model.device).long(),
        "labels": torch.tensor(np.where(mask, ids, -100), device=model.device),
    }
    was_training, forward = model.training, model.forward
    model.eval()
    packed = TreeForward(model, len(texts))
    with torch.no_grad():
        own = packed.fused(**batch, fused_lm_head=True)
        differences = packed.of_pieces(packed.plan(batch), batch).log_probs - own.log_probs
    packed.remove()
    model.forward = forward
    model.train(was_training)
    return float(differences.abs().sum() / own.label_mask.sum())
