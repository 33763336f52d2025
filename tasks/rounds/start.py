"""Policies handed from round to round: what one accepted is what the next starts from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from services import endpoint_model as remote
from tasks.rounds.sequence import EVALUATION


def require_scenarios(found: int, split: str, each: int, rounds: int, demonstrated: int) -> None:
    """Every round is to have scenarios that neither a round nor a demonstration before it had.

    Args:
        found: Scenarios of the split.
        split: Of the harvest.
        each: Scenarios of a round.
        rounds: How many.
        demonstrated: Scenarios at the end of the train split that the base policy was shown.

    Raises:
        ValueError: the split has too few for all of them.
    """
    shown = demonstrated if split == "train" else 0
    if (asked := each * rounds + shown) > found:
        shown_too = f", and {shown} that bootstrap demonstrates" if shown else ""
        raise ValueError(
            f"{rounds} rounds of {each} fresh scenarios{shown_too}: the {split} split has {found} "
            f"scenarios, params.yaml asks for {asked}: lower the number, or fetch a larger corpus"
        )


def start(policy: Path, out: Path) -> None:
    """Put the model of a policy's folder into `out`, without the results beside it."""
    _link(policy, out)
    shutil.rmtree(out / EVALUATION, ignore_errors=True)


def accept(policy: Path, results: Mapping[str, Path], out: Path) -> None:
    """Make a trained policy a round's, with its results beside it: the next need not play it.

    Args:
        policy: The model's folder.
        results: By split, the folder of its results.
        out: The round's, as ``models/r1``.
    """
    _link(policy, out)
    for split, folder in results.items():
        shutil.copytree(folder, out / EVALUATION / split)


def _link(source: Path, out: Path) -> None:
    """The folder once more, by hard links where the disk has them: weights are gigabytes."""
    if not (source / "config.json").is_file() and remote.name_of(source) is None:
        raise FileNotFoundError(f"no model at {source}: run the stage that makes it (dvc repro)")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(source, out, copy_function=_link_file)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
