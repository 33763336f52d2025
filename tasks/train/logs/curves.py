"""Curves of a training in MLflow: its options, and its losses by step.

TRL logs them by a callback of transformers, whose errors end the training; here they are a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import Trainer
from transformers.integrations import MLflowCallback

from services.mlflow.store import log_optional


def outlive_mlflow(trainer: Trainer) -> None:
    """Let the training continue if MLflow fails, provided that it logs there."""
    if trainer.pop_callback(MLflowCallback) is not None:
        trainer.add_callback(Curves())


class Curves(MLflowCallback):  # type: ignore[misc]  # transformers has no types here
    """The callback of transformers, which stops logging when MLflow fails."""

    def __init__(self) -> None:
        super().__init__()
        self._is_taken = True

    def setup(self, *args: Any, **kwargs: Any) -> None:
        """Log the options, and do so synchronously, as an asynchronous failure would go unseen."""
        self._try("the training's options", lambda: super(Curves, self).setup(*args, **kwargs))
        self._async_log = False
        self._initialized = True

    def on_log(self, *args: Any, **kwargs: Any) -> None:
        """Log the losses of a step."""
        self._try("the training's losses", lambda: super(Curves, self).on_log(*args, **kwargs))

    def on_save(self, *args: Any, **kwargs: Any) -> None:
        """Log a checkpoint, if HF_MLFLOW_LOG_ARTIFACTS is set."""
        self._try("a checkpoint", lambda: super(Curves, self).on_save(*args, **kwargs))

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """End the run, if the callback started it."""
        self._try("the end", lambda: super(Curves, self).on_train_end(*args, **kwargs))

    def _try(self, what: str, write: Callable[[], object]) -> None:
        if self._is_taken:
            self._is_taken = log_optional(what, write)
