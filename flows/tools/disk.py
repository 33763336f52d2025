"""The disk space that a run takes, against what is free: a line before the run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import paths
from tasks.train.memory import BYTES, GIB, parameters
from tasks.train.recipe import TrainConfig

if TYPE_CHECKING:
    from transformers import PretrainedConfig

KNOB = "free some, or let DVC link in place of copying: dvc config cache.type hardlink,symlink"


@dataclass(frozen=True, slots=True)
class Disk:
    """GiB on the disk at the end of a run, without the environment, trees and journals.

    Attributes:
        base: GiB of the base policy.
        arms: GiB of the trained arms of all rounds: LoRAs, or whole models. A LoRA that continues
            one is merged in float32.
        starts: GiB of what later rounds start from: LoRAs merged in float32; whole models are
            links.
        registry: GiB of the version in MLflow's registry; a LoRA brings its base along.
        checkpoints: GiB of the largest checkpoint, which is there while its arm is trained.
    """

    base: float
    arms: float
    starts: float
    registry: float
    checkpoints: float

    @property
    def total(self) -> float:
        return sum(float(part) for part in asdict(self).values())

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {value:.0f}" for name, value in asdict(self).items())
        return f"{self.total:.0f} GiB ({parts})"


def warning(sections: Mapping[str, Any]) -> str:
    """What is said before a run with a pretrained model that the disk has no room for; else "".

    A model of the Hub is not looked up: it is known once bootstrap has fetched it.
    """
    bootstrap = sections.get("bootstrap")
    if bootstrap is None or bootstrap.kind != "pretrained":
        return ""
    places = (Path(bootstrap.pretrained), paths.MODELS / "base")
    found = [place for place in places if (place / "config.json").is_file()]
    return too_much(disk_of(sections, str(found[0]))) if found else ""


def disk_of(sections: Mapping[str, Any], model: str) -> Disk:
    """The estimate for a folder with a ``config.json``, or a model of the Hub.

    Raises:
        OSError: the model does not exist.
    """
    from transformers import AutoConfig

    name, _, revision = model.partition("@")
    config = AutoConfig.from_pretrained(
        name, revision=revision or "main", trust_remote_code=False
    ).get_text_config()
    rounds, candidate = len(sections["rounds"]), sections["gate"].candidate
    return _estimate(config, sections["train"], candidate, rounds, _copies())


def too_much(needed: Disk) -> str:
    """A line that names the knob, if less is free here than is needed; else ""."""
    free = shutil.disk_usage(".").free / GIB
    if needed.total <= free:
        return ""
    return f"disk: a run from nothing takes about {needed}, and {free:.0f} are free: {KNOB}"


def _estimate(
    config: PretrainedConfig, train: TrainConfig, candidate: str, rounds: int, copies: int
) -> Disk:
    """The space that a run takes.

    Args:
        config: Configuration of the base model.
        train: The section ``train``.
        candidate: The arm that a gate may accept.
        rounds: Number of rounds.
        copies: How often DVC keeps a file: 2, in its cache and in the workspace, or 1 as a link.
    """
    size = BYTES[str(config.dtype or "float32").removeprefix("torch.")]
    counts = {name: parameters(config, recipe) for name, recipe in train.policies.items()}
    weights = next((one.linear + one.other for one in counts.values()), 0)
    base, merged = size * weights, 4.0 * weights

    def arm(name: str) -> float:
        if not train.policies[name].lora:
            return base
        return merged if name in train.continued else 4.0 * counts[name].trained

    # A checkpoint has two moments beside each trained weight.
    checkpoint = max((12.0 * one.trained for one in counts.values()), default=0.0)
    chosen = train.policies.get(candidate)
    is_merged = bool(chosen and chosen.lora)
    return Disk(
        base=copies * base / GIB,
        arms=copies * rounds * sum(map(arm, counts)) / GIB,
        starts=copies * (rounds - 1) * merged * is_merged / GIB,
        registry=(merged * is_merged + base) / GIB,
        checkpoints=checkpoint / GIB,
    )


def _copies() -> int:
    """How often DVC keeps a file; where it may copy, it is taken to."""
    from dvc.config import Config

    kinds = Config(".dvc").get("cache", {}).get("type") or ["copy"]
    return 1 if "copy" not in kinds else 2
