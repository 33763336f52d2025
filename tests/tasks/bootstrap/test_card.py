"""A card that PyTorch does not see is said, with what hides it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
import torch

from bench.gpu_check.parts import machine
from tasks.bootstrap import card


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program nvidia-smi, the first in PATH, on a machine whose PyTorch sees no card."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    return program


def told(smi: Path, *drivers: str) -> str:
    smi.write_text("#!/bin/sh\n" + "".join(f"echo {one}\n" for one in drivers))
    found = card.unseen()
    assert found
    assert "\n" not in found
    return found


@pytest.mark.usefixtures("smi")
def test_a_machine_without_a_card_has_none_to_see() -> None:
    assert card.unseen() is None


@pytest.mark.parametrize(
    ("cuda", "driver", "reason"),
    [
        (None, "580.65.06", "has its CPU build; make setup EXTRA=gpu"),
        ("13.0", "575.57.08", "CUDA 13.0 needs the NVIDIA driver 580 or newer, and 575.57.08"),
        ("12.8", "520.61.05", "CUDA 12.8 needs the NVIDIA driver 525 or newer"),
        ("13.0", "580.65.06", "does not start with the driver 580.65.06"),
        ("14.1", "580.65.06", "does not start with the driver 580.65.06"),
    ],
)
def test_what_hides_a_card_is_told(
    smi: Path, monkeypatch: pytest.MonkeyPatch, cuda: str | None, driver: str, reason: str
) -> None:
    monkeypatch.setattr(torch.version, "cuda", cuda)
    assert reason in told(smi, driver, driver)


def test_one_that_is_seen_is_not_looked_for(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi.write_text("#!/bin/sh\necho 1.0\n")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert card.unseen() is None


def test_the_check_of_a_card_says_it_too(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi.write_text("#!/bin/sh\necho 1.0\n")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(RuntimeError, match="needs the NVIDIA driver 580 or newer"):
        machine(Namespace(device="cuda"))
