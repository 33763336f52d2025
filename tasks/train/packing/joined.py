"""Several questions of TRL to one model, answered by one packed forward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tasks.train.packing.forward import FIELDS, TreeForward

Batch = Mapping[str, Any]
"""A batch as TRL's collators make it."""
UNPADDED: Mapping[str, str] = {"attention_mask": "", "KL_attention_mask": "KL_"}
"""Name of an attention mask -> beginning of the names of what it is the mask of."""


class Answers:
    """A model in TRL's eyes, which answers its questions in their order from what is known."""

    def __init__(self, outputs: Iterable[Any]) -> None:
        self._outputs = iter(outputs)

    def __call__(self, **question: Any) -> Any:
        output = next(self._outputs)
        if output.label_mask.shape != question["labels"][:, 1:].shape:
            raise RuntimeError("TRL asks in another order than its version here is known to")
        return output


def questions(batch: Batch, *, kl: bool) -> list[dict[str, Tensor]]:
    """What TRL will ask the policy about a batch: KTO's mismatched pairs first, then the rows."""
    asked = []
    for prefix in ("KL_", "") if kl else ("",):
        ids = batch[f"{prefix}input_ids"]
        labels = ids.masked_fill(batch[f"{prefix}completion_mask"] == 0, -100)
        mask = batch[f"{prefix}attention_mask"]
        asked.append({"input_ids": ids, "attention_mask": mask, "labels": labels})
    return asked


def answer(model: Any, asked: Sequence[Mapping[str, Tensor]]) -> list[Any]:
    """TRL's answer to each question, from one forward over the rows of all."""
    from trl.trainer.utils import FusedCausalLMOutput

    output = model(**joined(asked), fused_lm_head=True)
    answers, start = [], 0
    for one in asked:
        count, width = one["labels"].shape
        own = {
            name: value[start : start + count, : width - 1]
            for name in (*FIELDS, "label_mask")
            if (value := getattr(output, name)) is not None
        }
        answers.append(FusedCausalLMOutput(**own))
        start += count
    return answers


def joined(asked: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """All rows of several questions as one, padded to the longest."""
    width = max(one["labels"].shape[1] for one in asked)
    filler = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    return {
        name: torch.cat([_pad(one[name], width, value) for one in asked])
        for name, value in filler.items()
    }


def _pad(values: Tensor, width: int, filler: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, width - values.shape[1]), value=filler)


def split(batch: Batch, size: int, sides: int) -> Iterator[dict[str, Any]]:
    """The batches of `size` examples that a batch was put together from, as TRL would have them.

    Args:
        batch: Tensors whose first dimension has the examples, once a side.
        size: Number of examples that TRL trains at once.
        sides: Texts of an example that stand one below the other: 2 for DPO, whose batches have
            all chosen texts and then all rejected ones; else 1.
    """
    tensors = {name: value for name, value in batch.items() if isinstance(value, Tensor)}
    others = {name: value for name, value in batch.items() if name not in tensors}
    examples = batch["input_ids"].shape[0] // sides
    for start in range(0, examples, size):
        part = {}
        for name, value in tensors.items():
            each = value.reshape(-1, examples, *value.shape[1:])  # one side of single figures
            part[name] = each[:, start : start + size].flatten(0, 1)
        yield {**others, **_narrow(part)}


def _narrow(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch without the columns in which every row is padded."""
    for mask, prefix in UNPADDED.items():
        if mask in batch:
            width = int(batch[mask].sum(1).max())
            for name in ("input_ids", "attention_mask", "completion_mask", "labels"):
                if prefix + name in batch:
                    batch[prefix + name] = batch[prefix + name][:, :width]
    return batch


def costs_less_joined(
    forward: TreeForward,
    mismatched: Sequence[Mapping[str, Tensor]],
    rows: Sequence[Mapping[str, Tensor]],
) -> bool:
    """Whether KTO's mismatched pairs, which need no gradient, are cheaper among their rows.

    In one forward with the rows they share the rows' prompts, and go through the backward pass,
    which costs twice the forward, with a gradient of zero.
    """
    together, apart = joined([*mismatched, *rows]), (joined(mismatched), joined(rows))
    price, alone, own = (forward.priced(forward.plan(one)) for one in (together, *apart))
    return 3 * price < alone + 3 * own
