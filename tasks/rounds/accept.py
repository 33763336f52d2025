"""The policy that a round accepted, as a folder for the next round and for the registry."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from services import endpoint_model
from services.names import ADAPTER
from tasks.rounds.sequence import EVALUATION


def accept(policy: Path, results: Mapping[str, Path], out: Path) -> None:
    """Store the policy that a round accepted with its results, which the next round reuses.

    Args:
        policy: Folder of the trained model.
        results: Folder of its results, by split.
        out: Folder of the round's policy, as ``models/r1``.
    """
    link(policy, out)
    for split, folder in results.items():
        shutil.copytree(folder, out / EVALUATION / split)


def link(source: Path, out: Path) -> None:
    """Copy a policy's folder by hard links, if the disk has them: weights are gigabytes.

    Raises:
        FileNotFoundError: it holds no policy.
    """
    holds = (source / "config.json").is_file() or (source / ADAPTER).is_dir()
    if not holds and endpoint_model.name_of(source) is None:
        raise FileNotFoundError(f"no model at {source}: run the stage that makes it (dvc repro)")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(source, out, copy_function=_link_file)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
