"""The start of a round from the policy that the round before accepted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from services import endpoint_model
from tasks.rounds.sequence import EVALUATION
from toolwoz.world.domains import Split
from toolwoz.world.scenario import take


def require_scenarios(
    corpus: Path, split: Split, each: int, rounds: int, demonstrated: int
) -> None:
    """Require fresh scenarios for every round: of no earlier round, and of no demonstration.

    Args:
        corpus: Folder of the converted corpus.
        split: Split of the harvest.
        each: Number of scenarios of a round.
        rounds: Number of rounds.
        demonstrated: Number of scenarios of the train split that bootstrap demonstrates.

    Raises:
        ValueError: the split has too few scenarios.
    """
    shown = demonstrated if split == "train" else 0
    try:
        take(corpus, split, each * rounds + shown)
    except ValueError as error:
        demonstrations = f", besides {shown} that bootstrap shows" if shown else ""
        raise ValueError(
            f"{rounds} rounds of {each} fresh scenarios{demonstrations}: {error}"
        ) from None


def start_from(policy: Path, out: Path) -> None:
    """Put the model of a policy's folder into `out`, without its results."""
    _link(policy, out)
    shutil.rmtree(out / EVALUATION, ignore_errors=True)


def accept(policy: Path, results: Mapping[str, Path], out: Path) -> None:
    """Store the policy that a round accepted with its results, which the next round reuses.

    Args:
        policy: Folder of the trained model.
        results: Folder of its results, by split.
        out: Folder of the round's policy, as ``models/r1``.
    """
    _link(policy, out)
    for split, folder in results.items():
        shutil.copytree(folder, out / EVALUATION / split)


def _link(source: Path, out: Path) -> None:
    """Copy a folder by hard links, if the disk has them: weights are gigabytes."""
    if not (source / "config.json").is_file() and endpoint_model.name_of(source) is None:
        raise FileNotFoundError(f"no model at {source}: run the stage that makes it (dvc repro)")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(source, out, copy_function=_link_file)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
