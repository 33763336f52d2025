"""A policy without weights here: the name of a model that an endpoint serves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

FILE = "endpoint.json"
"""File in a model's folder, in place of weights."""


def write(folder: Path, name: str) -> None:
    """Make `folder` the folder of the model `name`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / FILE).write_text(json.dumps({"model": name}) + "\n", encoding="utf-8")


def name_of(folder: Path) -> str | None:
    """The name at the endpoint of the model in this folder; None if the folder has weights."""
    file = folder / FILE
    if not file.is_file():
        return None
    return str(json.loads(file.read_text(encoding="utf-8"))["model"])
