"""A stage's report: one JSON file that DVC compares, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(path: Path, report: Any) -> None:
    """Write a JSON file atomically; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
