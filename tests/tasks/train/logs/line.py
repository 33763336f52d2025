"""The smallest model that a trainer trains, and a trainer of it."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import Trainer, TrainingArguments


class Line(torch.nn.Module):
    """A slope, which is to become 2."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The squared error, as a loss."""
        return {"loss": ((self.slope * x - 2 * x) ** 2).mean()}


def trainer(folder: Path, report_to: str | list[str]) -> Trainer:
    """Five steps, logged each, with two checkpoints in the folder."""
    options = {"max_steps": 5, "logging_steps": 1, "save_steps": 2, "use_cpu": True}
    args = TrainingArguments(str(folder), report_to=report_to, disable_tqdm=True, **options)
    rows = [{"x": float(i)} for i in range(1, 9)]
    return Trainer(Line(), args, train_dataset=rows)
