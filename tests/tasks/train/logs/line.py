"""The smallest model that a trainer trains."""

from __future__ import annotations

import torch


class Line(torch.nn.Module):
    """A slope, which is to become 2."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The squared error, as a loss."""
        return {"loss": ((self.slope * x - 2 * x) ** 2).mean()}
