"""What a benchmark is told before it opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialogue.protocols import Policy


class MissingError(ValueError):
    """What a benchmark needs and was not given: data, a package, a model. Says what to do."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A model beside the one under test: it judges answers, or plays the world around it.

    Attributes:
        name: Of the model. It stands beside every number it had a part in.
        policy: Asks it.
    """

    name: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Options:
    """What opening a benchmark may need.

    Attributes:
        data: Folder the pinned files are fetched to.
        mirror: Folder tried before the network.
        judge: Reads answers, for protocols that need one.
        simulator: Plays the user, or the API, for protocols that need one.
        trials: Dialogues a scenario, for benchmarks of dialogues.
        against: Folder of a run whose answers the policy's are compared with.
        tokenizer: Folder of the tokenizer of an endpoint, where log-likelihoods are asked of it.
    """

    data: Path
    mirror: Path | None = None
    judge: Helper | None = None
    simulator: Helper | None = None
    trials: int = 1
    against: Path | None = None
    tokenizer: Path | None = None

    def need_judge(self, benchmark: str) -> Helper:
        """The judge.

        Raises:
            MissingError: none was named.
        """
        return _named(self.judge, "judge", benchmark)

    def need_simulator(self, benchmark: str) -> Helper:
        """Who plays the user, or the API.

        Raises:
            MissingError: nobody was named.
        """
        return _named(self.simulator, "simulator", benchmark)


def _named(helper: Helper | None, role: str, benchmark: str) -> Helper:
    if helper is None:
        raise MissingError(f"{benchmark} needs --{role} URL and --{role}-model NAME")
    return helper
