"""What a benchmark is told before it opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolwoz.completion import Policy


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that judges answers, or plays the world around the policy.

    Attributes:
        name: Of the model. It stands beside every number it gave.
        policy: Asks it.
    """

    name: str
    policy: Policy


class JudgeMissingError(ValueError):
    """The benchmark needs a judge, and none was named."""

    def __init__(self, benchmark: str) -> None:
        super().__init__(f"{benchmark} needs --judge URL and --judge-model NAME")


@dataclass(frozen=True, slots=True)
class Options:
    """What opening a benchmark may need.

    Attributes:
        data: Folder the pinned files are fetched to.
        mirror: Folder tried before the network.
        judge: For protocols that need one.
        trials: Dialogues a scenario, for benchmarks of dialogues.
        against: Folder of a run whose answers the policy's are compared with.
    """

    data: Path
    mirror: Path | None = None
    judge: Judge | None = None
    trials: int = 1
    against: Path | None = None
