"""A policy that is no files here: the name of a model that an endpoint serves, as a vendor's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

FILE = "endpoint.json"
"""In a model's folder, in the place of weights."""


def write(folder: Path, name: str) -> None:
    """Make `folder` that of the model `name`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / FILE).write_text(json.dumps({"model": name}) + "\n", encoding="utf-8")


def name_of(folder: Path) -> str | None:
    """What endpoints call the model of this folder; None if it is one of files."""
    file = folder / FILE
    if not file.is_file():
        return None
    return str(json.loads(file.read_text(encoding="utf-8"))["model"])
