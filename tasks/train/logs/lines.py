"""How far a training is, where no terminal shows its bar: a line a logging step."""

from __future__ import annotations

import logging
import time
from typing import Any

from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerState

SHOWN = ("loss", "eval_loss")
"""Not transformers' train_loss, which leaves out what a killed run had done."""
log = logging.getLogger(__name__)


def say_by_lines(trainer: Trainer) -> None:
    """Have a trainer without a bar say its steps, in place of printing all that it logs."""
    if trainer.pop_callback(PrinterCallback) is not None:
        trainer.add_callback(Lines())


class Lines(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Steps done, the loss of those since the last line, and the time that is left."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first = 0

    def on_train_begin(self, _args: object, state: TrainerState, *_: object, **__: object) -> None:
        """Remember what a killed run had done before."""
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
        """Say it, in the first of several processes."""
        logged = logs or {}
        figures = [f"{name} {logged[name]:.3f}" for name in SHOWN if name in logged]
        if not figures or not state.is_world_process_zero:
            return
        said = [f"step {state.global_step} of {state.max_steps}", *figures, *self._left(state)]
        log.info("training: %s", ", ".join(said))

    def _left(self, state: TrainerState) -> list[str]:
        done, todo = state.global_step - self._first, state.max_steps - state.global_step
        if not done or not todo:
            return []
        minutes = todo * (time.monotonic() - self._began) / done / 60
        return [f"{minutes:.0f} min left" if minutes >= 1 else "less than a minute left"]
