"""The start of a round from the policy that the round before accepted."""

from __future__ import annotations

import shutil
from pathlib import Path

from services.engines.models.adapters import is_alone
from services.engines.models.merging import export
from services.names import ADAPTER
from tasks.rounds.accept import link
from tasks.rounds.sequence import EVALUATION


def require_scenarios(found: int, split: str, each: int, rounds: int, demonstrated: int) -> None:
    """Require fresh scenarios for every round: of no earlier round, and of no demonstration.

    Args:
        found: Number of scenarios of the split.
        split: Split of the harvest.
        each: Number of scenarios of a round.
        rounds: Number of rounds.
        demonstrated: Number of scenarios of the train split that bootstrap demonstrates.

    Raises:
        ValueError: the split has too few scenarios.
    """
    shown = demonstrated if split == "train" else 0
    if (asked := each * rounds + shown) > found:
        shown_too = f", and {shown} that bootstrap demonstrates" if shown else ""
        raise ValueError(
            f"{rounds} rounds of {each} fresh scenarios{shown_too}: the {split} split has {found} "
            f"scenarios, params.yaml asks for {asked}: lower the number, or fetch a larger corpus"
        )


def start_from(policy: Path, out: Path) -> None:
    """Put the model of a policy's folder into `out`, without its results, as a whole model.

    A LoRA is merged in float32, as the LoRAs of this round are trained and served on what is here.

    Raises:
        ValueError: a LoRA's base is not what it was trained on.
    """
    if is_alone(policy):
        export(policy, out)
    else:
        link(policy, out)
        shutil.rmtree(out / ADAPTER, ignore_errors=True)
    shutil.rmtree(out / EVALUATION, ignore_errors=True)
