"""Guards against NaN: of the gradients at every step, and of the weights before they are saved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerState

from tasks.train.recipe import TrainError

MEND = "lower trl.learning_rate, or set trl.max_grad_norm"


class FiniteGradients(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Stop a training whose gradients are no numbers.

    transformers logs a finite loss in place of a NaN one (``logging_nan_inf_filter``), so the log
    alone cannot tell.
    """

    def on_pre_optimizer_step(
        self, args: Any, state: TrainerState, _control: object, *, model: Any, **_: object
    ) -> None:
        """Check before the weights change.

        Raises:
            TrainError: a gradient is NaN or infinite.
        """
        if args.fp16:  # its loss scaler skips such a step by itself
            return
        gradients = (one.grad for one in model.parameters() if one.grad is not None)
        if not are_finite(gradients):
            raise TrainError(f"step {state.global_step + 1}: a gradient is no number: {MEND}")


def require_finite(weights: Iterable[torch.Tensor]) -> None:
    """Check weights before they are saved.

    Raises:
        TrainError: a weight is NaN or infinite.
    """
    if not are_finite(weights):
        raise TrainError(f"a trained weight is no number, nothing was saved: {MEND}")


def are_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether all are; read from the device once."""
    sums = [one.detach().float().abs().amax().isfinite() for one in tensors if one.numel()]
    return bool(torch.stack(sums).all()) if sums else True
