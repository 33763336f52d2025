"""Where a training that was killed goes on: from its last whole checkpoint, if it is the same."""

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
"""What transformers writes last into a checkpoint."""

log = logging.getLogger(__name__)


def place(work: Path, rows: Iterable[Mapping[str, Any]], start: str, **settings: Any) -> Path:
    """The folder below `work` that only a training of the same rows, start and settings has.

    Args:
        start: The model's folder, or the configuration of one in memory, as JSON.
    """
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, default=str).encode())
    begins = start if start.startswith("{") else fingerprint(Path(start))
    return work / key(rows=digest.hexdigest(), start=begins, **settings)


def last(folder: Path) -> Path | None:
    """The last whole checkpoint; those that were being written are removed."""
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
