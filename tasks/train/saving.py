"""Saving of a trained model as safetensors, without pickled files."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.engines.models.adapters import write_base
from services.names import ADAPTER

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

log = logging.getLogger(__name__)


def save(trainer: Trainer, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Write model and tokenizer; a LoRA is merged into its base and also written by itself.

    Every process of a distributed run must call this; the first one writes the files.
    """
    from tasks.train.guards.finite import require_finite

    accelerator = trainer.accelerator
    weights = accelerator.get_state_dict(trainer.model)
    if accelerator.is_main_process:
        require_finite(one for one in weights.values() if one.is_floating_point())
    if accelerator.is_main_process:
        partial = out.with_name(out.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        _write(accelerator.unwrap_model(trainer.model), weights, partial)
        tokenizer.save_pretrained(partial)
        _note_base(tokenizer, partial)
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    accelerator.wait_for_everyone()


def _write(model: Any, weights: Any, out: Path) -> None:
    if not hasattr(model, "peft_config"):
        model.save_pretrained(out, state_dict=weights)
        return
    adapter = out / ADAPTER
    model.save_pretrained(adapter, state_dict=weights)
    (adapter / "README.md").unlink(missing_ok=True)  # a form to fill in
    merge(adapter).save_pretrained(out)


def _note_base(tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Let engines serve a LoRA on its base, if that is in a folder and reads dialogues alike."""
    from peft import PeftConfig
    from transformers import AutoTokenizer

    if not (out / ADAPTER).is_dir():
        return
    named = PeftConfig.from_pretrained(out / ADAPTER).base_model_name_or_path
    base = Path(named or "")
    if not named or not (base / "config.json").is_file():
        return
    before = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    if before.chat_template == tokenizer.chat_template and len(before) == len(tokenizer):
        write_base(base, out)


def merge(adapter: Path) -> PreTrainedModel:
    """The base of a LoRA in float32, with the LoRA merged into its weights.

    The base is read again in its own precision, as it may have had 4 bits in the training.
    A LoRA changes weights by less than bfloat16 can tell apart: merged in it, most is lost.
    """
    from peft import PeftConfig, PeftModel
    from transformers import AutoModelForCausalLM

    base = PeftConfig.from_pretrained(adapter).base_model_name_or_path
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto", trust_remote_code=False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    merged: PreTrainedModel = PeftModel.from_pretrained(model.float(), adapter).merge_and_unload()
    share = survives_bfloat16(before, merged.state_dict())
    log.info(
        "the merged model is saved in float32; an engine with dtype bfloat16 keeps %.1f %% of "
        "the update, and one with float32 all of it",
        100 * share,
    )
    return merged


def survives_bfloat16(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> float:
    """The share of an update of float32 weights that is left when both are cast to bfloat16.

    1 - norm(cast change - change) / norm(change), at least 0; 1 if nothing changed. Noise that the
    cast adds counts as a loss, where the norm of the cast change alone would take it for a gain.
    """
    import torch

    lost = changed = 0.0
    for name, weight in after.items():
        old, new = before[name].float(), weight.float()
        change = new - old
        cast = new.to(torch.bfloat16).float() - old.to(torch.bfloat16).float()
        lost += float((cast - change).square().sum(dtype=torch.float64))
        changed += float(change.square().sum(dtype=torch.float64))
    return max(0.0, 1 - math.sqrt(lost / changed)) if changed else 1.0
