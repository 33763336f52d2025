"""Saving of a trained model as safetensors, without pickled files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

ADAPTER = "adapter"
"""Folder inside the model's folder with the LoRA, which PEFT loads."""


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


def merge(adapter: Path) -> PreTrainedModel:
    """The base of a LoRA, with the LoRA merged into its weights.

    The base is read again in its own precision, as it may have had 4 bits in the training.
    """
    from peft import PeftConfig, PeftModel
    from transformers import AutoModelForCausalLM

    base = PeftConfig.from_pretrained(adapter).base_model_name_or_path
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    merged: PreTrainedModel = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return merged
