"""What precision costs a LoRA that is merged."""

from __future__ import annotations

import pytest
import torch

from services.engines.models.merging import survives_bfloat16


@pytest.mark.parametrize(
    ("change", "share"),
    [(0.0, 1.0), (2.0**-8, 0.0), (2.0**-7, 1.0), (1.25 * 2.0**-7, 0.8), (1.0, 1.0)],
)
def test_what_bfloat16_keeps_of_an_update(change, share):
    """Next to 1, its numbers are 2**-7 apart."""
    before = {"weight": torch.ones(3)}
    kept = survives_bfloat16(before, {"weight": torch.ones(3) + change})
    assert kept == pytest.approx(share)
