"""The mean loss over a whole training that may have been killed and continued.

transformers has the mean since the process started. The losses that earlier processes logged are in
their checkpoints, provided that each logs whenever it saves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState


class AtEverySave(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Log the loss also before each checkpoint and after the last step."""

    def on_step_end(
        self, _args: object, state: TrainerState, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """Log if this step saves, evaluates or is the last."""
        if control.should_save or control.should_evaluate or state.global_step >= state.max_steps:
            control.should_log = True
        return control

    def on_epoch_end(
        self, _args: object, _state: object, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """Log if this epoch saves or evaluates."""
        if control.should_save or control.should_evaluate:
            control.should_log = True
        return control


def mean_loss(history: Iterable[Mapping[str, Any]]) -> float:
    """Mean over all steps in transformers' ``log_history``; NaN if it has none."""
    total, done = 0.0, 0
    for entry in history:
        if "loss" in entry:
            total += entry["loss"] * (entry["step"] - done)
            done = entry["step"]
    return total / done if done else float("nan")
