"""Rounds: JOSH repeated, each from the policy that the round before left.

A round that improved nothing leaves a stop note in place of a policy. Every stage of the later
rounds copies the note and does nothing else, so that a stopped run ends like any other.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval
from pydantic import AfterValidator

BASE = "base"
"""The policy that bootstrap made, from which the first round starts."""
EVALUATION = "evaluation"
"""Folder inside an accepted policy's folder that holds its results, by split."""
STOP_FILE = "stopped.json"


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the section ``rounds``.

    Attributes:
        after: The round whose policy it starts from; ``base`` for the first.
    """

    after: str


def in_order(rounds: Mapping[str, Round]) -> Mapping[str, Round]:
    """The rounds as they are.

    Raises:
        ValueError: they are not r1 after base, r2 after r1, and so on.
    """
    if not rounds:
        raise ValueError("there is no round; one is `r1: {after: base}`")
    before = BASE
    for place, (name, one) in enumerate(rounds.items(), start=1):
        if (name, one.after) != (f"r{place}", before):
            raise ValueError(
                f"the line of round {place} is `r{place}: {{after: {before}}}`, not "
                f"`{name}: {{after: {one.after}}}`: each starts from the one before"
            )
        before = name
    return rounds


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The section ``gate``.

    Attributes:
        candidate: The arm of ``train.arms``, or of ``train.continued``, that may be promoted.
            Chosen beforehand, as the best of several arms is partly best by luck.
        metric: The figure that must improve over the policy that the round started from.
        margins: Benchmark of :mod:`tasks.benchmarks` -> the tolerated fall in its score, between 0
            and 1. Each benchmark must be in ``benchmarks.names``.
    """

    candidate: str
    metric: Literal["reward", "success"]
    margins: Mapping[str, Annotated[float, Interval(gt=0, lt=1)]] = field(default_factory=dict)


Rounds = Annotated[Mapping[str, Round], AfterValidator(in_order)]
"""The section ``rounds``: name -> what it starts from, in their order."""


def number(name: str) -> int:
    """The number of a round, from 1."""
    return int(name.removeprefix("r"))


@dataclass(frozen=True, slots=True)
class Stop:
    """The stop of the rounds: why no later round has a policy.

    Attributes:
        round: The round that improved nothing.
        reason: The gate's reason for keeping its candidate back.
    """

    round: str
    reason: str

    def __str__(self) -> str:
        return f"the rounds stopped in {self.round}: {self.reason}"


def read_stop(folder: Path) -> Stop | None:
    """The stop note of a folder; None if the folder holds the output of its stage."""
    note = folder / STOP_FILE
    return Stop(**json.loads(note.read_text(encoding="utf-8"))) if note.is_file() else None


def write_stop(stop: Stop, folder: Path) -> None:
    """Replace the content of the folder by the stop note."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / STOP_FILE).write_text(json.dumps(asdict(stop), indent=2) + "\n", encoding="utf-8")
