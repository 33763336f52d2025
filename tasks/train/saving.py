"""Saving of a trained model as safetensors, without pickled files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.engines.models.adapters import find, write_base
from services.engines.models.merging import merge
from services.names import ADAPTER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Trainer


def save(
    trainer: Trainer, tokenizer: PreTrainedTokenizerBase, out: Path, work: Path
) -> float | None:
    """Write the model and its tokenizer to `out`, which is replaced.

    Of a LoRA that an engine serves on its base, this is the LoRA alone; any other is merged, and
    kept beside the whole model unless its base is in `work`, which does not stay.

    Every process of a distributed run must call this; the first one writes the files.

    Returns:
        What bfloat16 keeps of a LoRA, see :func:`services.engines.models.merging.merge`; None
        without one, and in other processes than the first.
    """
    from tasks.train.guards.finite import require_finite

    accelerator, kept = trainer.accelerator, None
    weights = accelerator.get_state_dict(trainer.model)
    if accelerator.is_main_process:
        require_finite(one for one in weights.values() if one.is_floating_point())
        partial = out.with_name(out.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        tokenizer.save_pretrained(partial)
        model = accelerator.unwrap_model(trainer.model)
        if hasattr(model, "peft_config"):
            kept = _write_lora(model, weights, tokenizer, partial, work)
        else:
            model.save_pretrained(partial, state_dict=weights)
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    accelerator.wait_for_everyone()
    return kept


def _write_lora(
    model: Any, weights: Any, tokenizer: PreTrainedTokenizerBase, out: Path, work: Path
) -> float:
    adapter = out / ADAPTER
    model.save_pretrained(adapter, state_dict=weights)
    (adapter / "README.md").unlink(missing_ok=True)  # a form to fill in
    merged, kept = merge(adapter)
    base = Path(model.peft_config["default"].base_model_name_or_path or "")
    if base.is_relative_to(work):
        shutil.rmtree(adapter)
    elif _reads_alike(base, tokenizer):
        write_base(base, out)
    if not find(out):
        merged.save_pretrained(out)
    return kept


def _reads_alike(base: Path, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the base is in a folder and its prompts are those that the LoRA was trained on."""
    from transformers import AutoTokenizer

    if not (base / "config.json").is_file():
        return False
    before = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    return bool(before.chat_template == tokenizer.chat_template and len(before) == len(tokenizer))
