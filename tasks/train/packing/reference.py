"""The reference's log-probabilities of a set, computed once and kept for later trainings.

They depend on the reference's weights, on the rows, and on few options. They are kept outside the
training's own folder: an arm with another beta, and a run that goes on after a kill, find them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from services.fingerprint import key

SHAPING = ("bf16", "fp16", "ld_alpha", "max_length", "pad_to_multiple_of")
"""TRL's options that they depend on, and the rows do not show."""
TEXTS = ("prompt_ids", "completion_ids", "KL_completion_ids", "chosen_ids", "rejected_ids")
"""Columns of TRL's tokenized rows that they depend on."""

log = logging.getLogger(__name__)


def once(kept: Path | None, rows: Any, ask: Callable[[], Any], **facts: Any) -> Any:
    """The rows with the columns that `ask` adds to them, from a file in `kept` if there is one.

    Args:
        kept: Folder of the files; None to ask each time.
        rows: TRL's tokenized rows.
        ask: Function that returns the rows with the columns of the log-probabilities added.
        facts: Everything else that the log-probabilities depend on.
    """
    if kept is None:
        return ask()
    file = kept / f"{key(rows=_digest(rows), **facts)}.npz"
    if file.exists():
        log.info("the reference's log-probabilities are known: %s", file)
        with np.load(file, allow_pickle=False) as columns:
            for name in sorted(columns):
                rows = rows.add_column(name, columns[name])
        return rows
    asked = ask()
    names = [name for name in asked.column_names if name not in rows.column_names]
    _write(file, {name: np.asarray(asked[name], dtype=np.float32) for name in names})
    return asked


def _digest(rows: Any) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in TEXTS:
        if name in rows.column_names:
            digest.update(name.encode())
            for ids in rows[name]:
                digest.update(json.dumps(ids).encode())
    return digest.hexdigest()


def _write(file: Path, columns: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}.npz")  # another arm may write the same
    np.savez(partial, **columns)
    partial.rename(file)
