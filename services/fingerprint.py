"""What a folder holds, told without reading it: finished work of other files is never reused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def fingerprint(folder: Path) -> list[list[Any]]:
    """Names, sizes and times of a folder's files: what they hold, without reading gigabytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def key(**facts: Any) -> str:
    """A short name for what was asked for, equal only where every fact is; for folders of work."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
