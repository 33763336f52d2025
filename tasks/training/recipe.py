"""What a training run is told: the section ``train``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

Method = Literal["sft", "kto", "dpo"]
Options = Mapping[str, Any]

BASE = "base"
"""The policy that bootstrap made: what an arm starts from unless it says otherwise."""


class TrainError(ValueError):
    """Rows, options or model that no training run should start with."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How TRL trains a model that is in memory.

    Attributes:
        method: Which TRL trainer.
        dataset: Name of the extracted set it trains on.
        trl: Options of TRL's ``SFTConfig``, ``KTOConfig`` or ``DPOConfig``, under TRL's names.
        lora: Options of PEFT's ``LoraConfig``, under PEFT's names; empty trains every weight.
    """

    method: Method
    dataset: str
    trl: Options
    lora: Options


@dataclass(frozen=True, slots=True)
class Arm(Recipe):
    """One trained model of the pipeline.

    Attributes:
        start: What it is trained from: ``base``, or another arm, as in SFT then KTO.
        quantization: Options of transformers' ``BitsAndBytesConfig``, under its names, for a base
            in 4 or 8 bits under a LoRA (QLoRA); empty loads it as it is.
    """

    start: str
    quantization: Options


@dataclass(frozen=True, slots=True)
class Holdout:
    """Rows that are not trained on but watched: a run stops when it gets no better on them.

    Attributes:
        share: Of the scenarios, all rows of which are held out; 0 for none, and no early stop.
        early_stopping_patience: Evaluations without a lower loss before it stops; the model of the
            best one is kept. They come once an epoch, or as ``trl.eval_strategy`` says.
        early_stopping_threshold: A loss lower by less than this, in its own unit, is no better.
    """

    share: float
    early_stopping_patience: int
    early_stopping_threshold: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share is {self.share}; it is a share of the scenarios, 0 to 1")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The section ``train``.

    Attributes:
        seed: Of the order of rows, of dropout and of what is held out.
        holdout: What is held out, and when it stops a run.
        max_rewritten: Share of texts that may read otherwise than the model wrote them (see
            :func:`tasks.training.guards.rewritten`).
        accelerate: Configuration of ``accelerate launch`` for several processes, as in
            configs/accelerate; empty trains in this process.
        arms: Name of the trained model -> how it is trained.
    """

    seed: int
    holdout: Holdout
    max_rewritten: float
    accelerate: str
    arms: Mapping[str, Arm]

    def __post_init__(self) -> None:
        for name, arm in self.arms.items():
            if arm.start != BASE and arm.start not in self.arms:
                known = ", ".join([BASE, *self.arms])
                raise ValueError(f"arms.{name}.start: there is no {arm.start!r}; it has: {known}")
        try:
            TopologicalSorter({name: [arm.start] for name, arm in self.arms.items()}).prepare()
        except CycleError as error:
            circle = " -> ".join(error.args[1][::-1])
            raise ValueError(
                f"arms start from each other: {circle}; one must start from base"
            ) from None
