"""TRL's trainers on the tree: the same losses from a packed forward.

Nothing of a loss is written here. TRL's trainer asks the model for the log-probabilities of trained
tokens; :class:`TreeForward` answers from a trie of the batch's rows. What is added: the batches
that TRL would accumulate are put together, so that they share their beginnings too, and each of
them still has its own loss, KTO's with its own estimate of the KL term; a step's loss is their
mean. A step has the rows that it has in TRL, in TRL's order.

KTO's mismatched pairs, the prompt of one row with the completion of another, are rows of their own:
TRL makes them when it tokenizes the set, within every ``per_device_train_batch_size`` rows. In the
trie they hang below the prompts' nodes, so that they cost their completions' tokens alone. They go
through the same forward as the rows, before TRL asks for them, and TRL takes no gradient of them.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback
from trl import DPOTrainer, KTOTrainer, SFTTrainer

from tasks.train.packing.forward import TreeForward
from tasks.train.packing.joined import (
    Answers,
    Batch,
    answer,
    costs_less_joined,
    joined,
    questions,
    split,
)
from tasks.train.packing.reasons import bare, why_rows
from tasks.train.packing.reference import SHAPING, once

log = logging.getLogger(__name__)

REFERENCE_ROWS = 256
"""Rows that the reference is asked about at once, where nothing is kept for a backward pass."""


class OnTrees(Trainer):  # type: ignore[misc]  # transformers has no types here
    """What the three have in common; comes before TRL's trainer among the bases.

    Args:
        kept: Folder of the references' log-probabilities of sets; None to keep none.
        args, kwargs: As TRL's trainer takes them.

    Attributes:
        sides: Texts of an example, as in :func:`split`.
        size: Number of examples that TRL would train at once.
        forward: Packed forward of the policy; None if rows are trained, for a logged reason.
    """

    sides = 1
    forward: TreeForward | None

    def __init__(self, *args: Any, kept: Path | None = None, **kwargs: Any) -> None:
        self.size = kwargs["args"].per_device_train_batch_size
        self.kept = kept
        super().__init__(*args, **kwargs)
        if forward := self.packed():
            self._put_together()
            self.add_callback(Told(forward))

    def packed(self) -> TreeForward | None:
        """The packed forward of the policy, made when it is first asked for."""
        if not hasattr(self, "forward"):
            reason = why_rows(self)
            if reason:
                log.info("packing: rows, as %s", reason)
            self.forward = None if reason else self._packed()
        forward: TreeForward | None = self.forward
        return forward

    def _packed(self) -> TreeForward:
        models = [self.model, getattr(self, "ref_model", None)]
        first, *_ = [TreeForward(bare(one), self.size * self.sides) for one in models if one]
        return first

    def _put_together(self) -> None:
        """Let a batch have all examples of a step, where TRL would accumulate gradients."""
        self.args.per_device_train_batch_size *= self.args.gradient_accumulation_steps
        self.args.gradient_accumulation_steps = 1
        self._train_batch_size = self.args.train_batch_size

    def training_step(
        self, model: Any, inputs: Batch, num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        """The gradient of a step's examples: together, or one TRL batch after another."""
        step = super().training_step
        if self.forward is None:
            loss: Tensor = step(model, inputs, num_items_in_batch)
            return loss
        parts = self._parts(self.forward, inputs)
        self.current_gradient_accumulation_steps = len(parts)
        return torch.stack([step(model, part, num_items_in_batch) for part in parts]).sum()

    def _parts(self, forward: TreeForward, inputs: Batch) -> list[Batch]:
        """A step's examples, in the batches whose forward costs less than one of all."""
        if inputs["input_ids"].shape[0] <= self.size * self.sides:
            return [inputs]
        parts: list[Batch] = list(split(inputs, self.size, self.sides))
        plans = [forward.plan(joined(self._asked(batch))) for batch in (inputs, *parts)]
        together, *apart = map(forward.priced, plans)
        return [inputs] if together < sum(apart) else parts

    def _asked(self, batch: Batch) -> list[dict[str, Tensor]]:
        if "labels" in batch:
            return [{name: batch[name] for name in ("input_ids", "attention_mask", "labels")}]
        return questions(batch, kl=getattr(self, "calculate_KL", False))


class PreferenceOnTrees(OnTrees):
    """KTO and DPO, whose loss is that of a batch, and whose reference is asked beforehand."""

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        ask = super()._precompute_ref_logps
        if self.packed() is None:  # TRL asks while it is made
            return ask(dataset, name, batch_size)
        options = {name: getattr(self.args, name) for name in SHAPING if hasattr(self.args, name)}
        with_reference = partial(ask, dataset, name, max(batch_size, REFERENCE_ROWS))
        return once(
            self.kept, dataset, with_reference, model=self._precompute_model_hash, **options
        )

    def compute_ref_log_probs(self, model: Any, inputs: Batch) -> Any:
        """The log-probabilities of the reference; all that TRL asks is asked at once."""
        if self.forward is None:
            return super().compute_ref_log_probs(model, inputs)
        asked = self._asked(inputs)[::-1]  # here it asks for the rows first
        answers = (one for _ in range(1) for one in answer(model, asked))  # when it asks the first
        return super().compute_ref_log_probs(Answers(answers), inputs)

    def _compute_loss(self, model: Any, inputs: Batch, return_outputs: bool) -> Any:
        if self.forward is None or return_outputs:
            return super()._compute_loss(model, inputs, return_outputs)
        parts: list[Batch] = [inputs]
        if torch.is_grad_enabled():
            parts = list(split(inputs, self.size, self.sides))
        compute = super()._compute_loss
        answers = self._answers(self.forward, model, parts)
        losses = [compute(Answers(a), b, False) for a, b in zip(answers, parts, strict=True)]
        return torch.stack(losses).mean()

    def _answers(self, forward: TreeForward, model: Any, parts: list[Batch]) -> list[list[Any]]:
        """The answers to what TRL will ask of each part."""
        asked = [self._asked(part) for part in parts]
        *mismatched, rows = map(list, zip(*asked, strict=True))
        if not mismatched:
            return [[one] for one in answer(model, rows)]
        if costs_less_joined(forward, mismatched[0], rows):
            answers = answer(model, [*mismatched[0], *rows])
        else:
            with torch.no_grad():
                answers = answer(model, mismatched[0])
            answers += answer(model, rows)
        return [list(both) for both in zip(answers[: len(rows)], answers[len(rows) :], strict=True)]


class SFTOnTrees(OnTrees, SFTTrainer):  # type: ignore[misc]  # TRL has no types here
    """SFT."""


class KTOOnTrees(PreferenceOnTrees, KTOTrainer):  # type: ignore[misc]
    """KTO."""


class DPOOnTrees(PreferenceOnTrees, DPOTrainer):  # type: ignore[misc]
    """DPO; a batch has the chosen texts of its pairs, and then the rejected ones."""

    sides = 2


class Told(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Logs what packing spared, at the end of a training."""

    def __init__(self, forward: TreeForward) -> None:
        self._forward = forward

    def on_train_end(self, *_: object, **__: object) -> None:
        """Log the tokens of all rows, and those that went through the model."""
        asked, computed = self._forward.asked, self._forward.computed
        log.info("packing: %d tokens of rows cost a forward of %d", asked, computed)
