"""A stage's report: one JSON file that DVC compares, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dialogue.files import write_whole

CHANCE = {"seconds"}
"""Figures that the same work gives anew each time: MLflow has them, DVC does not."""


def write(path: Path, report: Any) -> None:
    """Write a JSON file atomically, without what is in CHANCE; its folder is made if need be."""
    write_whole(path, json.dumps(_repeatable(report), indent=2, ensure_ascii=False) + "\n")


def _repeatable(report: Any) -> Any:
    if isinstance(report, Mapping):
        return {key: _repeatable(value) for key, value in report.items() if key not in CHANCE}
    return report
