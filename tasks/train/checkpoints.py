"""Checkpoints from which a killed training continues, if rows, start and settings are equal."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from services.fingerprint import fingerprint, key

STATE = "trainer_state.json"
"""File that transformers writes last into a checkpoint."""

log = logging.getLogger(__name__)


def place(work: Path, rows: Iterable[Mapping[str, Any]], start: str, **settings: Any) -> Path:
    """The folder below `work` of a training with these rows, start and settings.

    Args:
        work: Folder of all trainings of the arm.
        rows: Training rows.
        start: Folder of the first model, or the configuration of a model in memory as JSON.
        settings: Everything else that the result depends on.
    """
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, default=str).encode())
    begins = start if start.startswith("{") else fingerprint(Path(start))
    return work / key(rows=digest.hexdigest(), start=begins, **settings)


def last(folder: Path) -> Path | None:
    """The last complete checkpoint; incomplete ones are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=_step)
    for checkpoint in reversed(found):
        if _is_whole(checkpoint):
            log.info("continuing from %s", checkpoint)
            return checkpoint
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None


def _step(checkpoint: Path) -> int:
    return int(re.sub(r"\D", "", checkpoint.name) or 0)


def _is_whole(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(state.get("global_step") == _step(checkpoint))
