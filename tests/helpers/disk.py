"""What a test sees of the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files and folders that are put on the disk from now on, by their names at that time."""
    found: list[Path] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", noted)
    return found
