"""A stage's report: one JSON file that DVC compares, and the same figures in MLflow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dialogue.files import write_whole
from flows.server.runtime import task
from services.mlflow import tracking

VOLATILE = {"seconds"}
"""Figures that differ each time the same work is done: MLflow has them, DVC does not."""


@task
def report(path: Path, record: Any, figures: Mapping[str, Any], step: int = 0) -> None:
    """Write a stage's report and log its figures.

    Args:
        path: The report's file.
        record: Its content, as JSON values.
        figures: Figures by name, nested as one likes: ``{"harvest": {"josh": {"reward": 0.6}}}``
            is ``harvest.josh.reward`` in MLflow. None: not measured.
        step: Number of the round; 0 for a stage that no round repeats.
    """
    write(path, record)
    tracking.report(dict(_dotted(figures)), step=step)


def write(path: Path, record: Any) -> None:
    """Write a JSON file atomically, without the VOLATILE figures; make its folder if need be."""
    write_whole(path, json.dumps(_repeatable(record), indent=2, ensure_ascii=False) + "\n")


def _repeatable(record: Any) -> Any:
    if isinstance(record, Mapping):
        return {key: _repeatable(value) for key, value in record.items() if key not in VOLATILE}
    return record


def _dotted(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float | None]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
