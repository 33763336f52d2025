"""The loss over a whole training, however often it was killed.

transformers has the mean of the steps since the process started. What every process before it
logged is in the checkpoint that it left: it only has to log whenever it saves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState


class AtEverySave(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Log the loss before each checkpoint and after the last step too."""

    def on_step_end(
        self, _args: object, state: TrainerState, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """As the steps decide."""
        if control.should_save or control.should_evaluate or state.global_step >= state.max_steps:
            control.should_log = True
        return control

    def on_epoch_end(
        self, _args: object, _state: object, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """As the epochs decide."""
        if control.should_save or control.should_evaluate:
            control.should_log = True
        return control


def mean_loss(history: Iterable[Mapping[str, Any]]) -> float:
    """Over every step that transformers' ``log_history`` tells of; NaN if it tells of none."""
    total, done = 0.0, 0
    for entry in history:
        if "loss" in entry:
            total += entry["loss"] * (entry["step"] - done)
            done = entry["step"]
    return total / done if done else float("nan")
