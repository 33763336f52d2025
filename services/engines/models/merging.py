"""Merging of a LoRA: a whole model in float32, for what loads no adapters."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from services.engines.models.adapters import find
from services.names import ADAPTER

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)


def export(policy: Path, out: Path) -> float:
    """Write a policy that is a LoRA as a whole model to `out`, which is replaced.

    Returns:
        The share of its update that :func:`survives_bfloat16`.

    Raises:
        ValueError: see :func:`services.engines.models.adapters.find`.
    """
    find(policy)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    hidden = [path.name for path in policy.glob(".*")]
    shutil.copytree(policy, partial, ignore=shutil.ignore_patterns(ADAPTER, *hidden))
    model, share = merge(policy / ADAPTER)
    model.save_pretrained(partial)
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return share


def merge(adapter: Path) -> tuple[PreTrainedModel, float]:
    """The base of a LoRA in float32, with the LoRA merged into its weights.

    The base is read again in its own precision, as it may have had 4 bits in the training.
    A LoRA changes weights by less than bfloat16 can tell apart: merged in it, most is lost.

    Returns:
        The model, and the share of its update that :func:`survives_bfloat16`.
    """
    from peft import PeftConfig, PeftModel
    from transformers import AutoModelForCausalLM

    base = PeftConfig.from_pretrained(adapter).base_model_name_or_path
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto", trust_remote_code=False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    merged: PreTrainedModel = PeftModel.from_pretrained(model.float(), adapter).merge_and_unload()
    share = survives_bfloat16(before, merged.state_dict())
    log.info(
        "%s: merged in float32, of which an engine with dtype bfloat16 keeps %.1f %% of the "
        "update, and one with float32 all of it",
        adapter,
        100 * share,
    )
    return merged, share


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
