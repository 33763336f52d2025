"""Log lines on the progress of a training, where no terminal shows its bar."""

from __future__ import annotations

import logging
import time
from typing import Any

from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerState

SHOWN = ("loss", "eval_loss")
"""Figures of a line; not train_loss of transformers, which omits what a killed run had done."""
log = logging.getLogger(__name__)


def log_progress(trainer: Trainer) -> None:
    """Let a trainer without a bar log its progress in place of printing all figures."""
    if trainer.pop_callback(PrinterCallback) is not None:
        trainer.add_callback(Lines())


class Lines(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Logs the steps done, the loss since the last line, and the time left."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first = 0

    def on_train_begin(self, _args: object, state: TrainerState, *_: object, **__: object) -> None:
        """Note the step at which this process starts."""
        self._began = time.monotonic()
        self._first = state.global_step

    def on_log(
        self,
        _args: object,
        state: TrainerState,
        _control: object,
        logs: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Log a line, in the first of several processes only."""
        logged = logs or {}
        figures = [f"{name} {logged[name]:.3f}" for name in SHOWN if name in logged]
        if not figures or not state.is_world_process_zero:
            return
        parts = [f"step {state.global_step} of {state.max_steps}", *figures, *self._left(state)]
        log.info("training: %s", ", ".join(parts))

    def _left(self, state: TrainerState) -> list[str]:
        done, todo = state.global_step - self._first, state.max_steps - state.global_step
        if not done or not todo:
            return []
        minutes = todo * (time.monotonic() - self._began) / done / 60
        return [f"{minutes:.0f} min left" if minutes >= 1 else "less than a minute left"]
