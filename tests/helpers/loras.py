"""LoRAs of a model, as the stage train leaves them: alone if an engine serves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.engines.models.adapters import find, write_base
from services.names import ADAPTER


def write_lora(base: Path, policy: Path, *, seed: int, **options: Any) -> Path:
    """Write a random LoRA large enough to change what a tiny model says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    config = LoraConfig(task_type="CAUSAL_LM", **{"r": 4, "target_modules": "all-linear"} | options)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.2)
    model.save_pretrained(policy / ADAPTER)
    AutoTokenizer.from_pretrained(base).save_pretrained(policy)
    write_base(base, policy)
    if not find(policy):
        model.merge_and_unload().save_pretrained(policy)
    return policy
