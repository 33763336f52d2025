"""Recipes of training runs: the section ``train``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from annotated_types import Lt

from dialogue.bounds import Amount, Positive, Seed, Share
from services.names import require_names

Method = Literal["sft", "kto", "dpo"]
Packing = Literal["tree", "rows"]
Options = Mapping[str, Any]
NOTHING: Options = MappingProxyType({})

START, TRAINED, CONTINUED = "start", "trained", "continued"
"""Folders of a round: the policy it starts from, its arms, and those that start from an arm."""


class TrainError(ValueError):
    """Rows, options or model that no training run should start with."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How TRL trains a model.

    Attributes:
        method: Which TRL trainer.
        dataset: Name of the extracted set it trains on.
        trl: Options of TRL's ``SFTConfig``, ``KTOConfig`` or ``DPOConfig``, under TRL's names.
        lora: Options of PEFT's ``LoraConfig``, under PEFT's names; empty trains every weight.
        quantization: Options of transformers' ``BitsAndBytesConfig``, under its names, for a base
            in 4 or 8 bits under a LoRA (QLoRA); empty loads it as it is.
    """

    method: Method
    dataset: str
    trl: Options = field(default_factory=dict)
    lora: Options = field(default_factory=dict)
    quantization: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One trained model of a round, as far as it differs from what the arms share.

    Attributes:
        like: Name of the arm that everything left out here is taken from.
        method, dataset: As in :class:`Recipe`; only an arm that is `like` another lacks them.
        trl: Options in place of those of the same names that are shared, or of the arm it is like.
        lora, quantization: Options in place of all that are shared, or of the arm it is like.
    """

    like: str | None = None
    method: Method | None = None
    dataset: str | None = None
    trl: Options = field(default_factory=dict)
    lora: Options | None = None
    quantization: Options | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued(Arm):
    """One that is trained from an arm of the same round, as in SFT then KTO.

    Attributes:
        start: Name of that arm, of ``train.arms``.
    """

    start: str


@dataclass(frozen=True, slots=True)
class Holdout:
    """Rows that are not trained on but watched: a run stops when it gets no better on them.

    Attributes:
        share: Share of the scenarios whose rows are held out; 0 for none, and no early stop.
        early_stopping_patience: Evaluations without a lower loss before it stops; the model of the
            best one is kept. They come once an epoch, or as ``trl.eval_strategy`` says.
        early_stopping_threshold: A loss lower by less than this, in its own unit, is no better.
    """

    share: Annotated[Share, Lt(1)] = 0.0
    early_stopping_patience: Positive = 1
    early_stopping_threshold: Amount = 0.0


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The section ``train``.

    Attributes:
        seed: Seed of the order of rows, of dropout and of what is held out.
        holdout: What is held out, and when it stops a run.
        max_rewritten: Share of texts that may read otherwise than the model wrote them (see
            :func:`tasks.train.guards.guards.rewritten`).
        accelerate: Configuration of ``accelerate launch`` for several processes, as in
            configs/accelerate; empty trains in this process.
        arms: Name of the trained model -> how it is trained.
        continued: The same, of those that start from an arm.
        packing: Whether rows that share a beginning are trained with it computed once, ``tree``, or
            as ``rows`` of their own.
        trl, lora, quantization: Options of every arm, as in :class:`Recipe`.
        methods: Method -> options of TRL in place of those of ``trl``, for its arms.
    """

    seed: Seed
    holdout: Holdout
    max_rewritten: Share
    accelerate: str
    arms: Mapping[str, Arm]
    continued: Mapping[str, Continued] = field(default_factory=dict)
    packing: Packing = "rows"
    trl: Options = field(default_factory=dict)
    methods: Mapping[Method, Options] = field(default_factory=dict)
    lora: Options = field(default_factory=dict)
    quantization: Options = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_names("arms", self.arms)
        require_names("continued", self.continued)
        require_names("dataset", (arm.dataset for arm in self.policies.values()))
        for name, arm in self.continued.items():
            if arm.start not in self.arms:
                known = ", ".join(self.arms)
                raise ValueError(f"continued.{name}.start: no arm {arm.start!r}; arms: {known}")
        if twice := sorted(self.arms.keys() & self.continued.keys()):
            raise ValueError(f"{', '.join(twice)}: a name of arms and of continued; one is enough")
        for name in self.policies:
            if re.fullmatch(r"base|r\d+", name):
                raise ValueError(
                    f"{name}: the name of a policy that rounds start from, not an arm's"
                )

    @property
    def policies(self) -> Mapping[str, Recipe]:
        """All that a round trains: name -> how, with everything that the arm leaves out."""
        return {name: self._recipe(name) for name in (*self.arms, *self.continued)}

    def _recipe(self, name: str) -> Recipe:
        """What an arm says, over the arm it is like, over what all arms share."""
        line = self._line(name)
        said: dict[str, Any] = {"lora": self.lora, "quantization": self.quantization}
        for arm in line:
            own = {key: getattr(arm, key) for key in ("method", "dataset", *said)}
            said |= {key: value for key, value in own.items() if value is not None}
        if missing := [key for key in ("method", "dataset") if key not in said]:
            raise ValueError(f"{self._key(name)}.{missing[0]} is missing, and it is `like` no arm")
        trl = {**self.trl, **self.methods.get(said["method"], {})}
        for arm in line:
            trl |= arm.trl
        return Recipe(**said, trl=trl)

    def _line(self, name: str, passed: tuple[str, ...] = ()) -> list[Arm]:
        """The arm that an arm is like, with all that this one is like before it; then itself."""
        arms: Mapping[str, Arm] = {**self.arms, **self.continued}
        if name in passed:
            circle = " is like ".join([*passed, name])
            raise ValueError(f"{self._key(passed[-1])}.like: {circle}, which is a circle")
        if name not in arms:
            known = ", ".join(arms)
            raise ValueError(f"{self._key(passed[-1])}.like: no arm {name!r}; arms: {known}")
        like = arms[name].like
        return [*(self._line(like, (*passed, name)) if like is not None else ()), arms[name]]

    def _key(self, name: str) -> str:
        return f"{'continued' if name in self.continued else 'arms'}.{name}"

    def place(self, arm: str) -> Path:
        """Where a round keeps an arm, relative to the round's folder."""
        return Path(CONTINUED if arm in self.continued else TRAINED, arm)

    def origin(self, arm: str) -> Path:
        """Where a round keeps what an arm is trained from."""
        if arm in self.continued:
            return Path(TRAINED, self.continued[arm].start)
        return Path(START)
