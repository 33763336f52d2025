"""Options for opening a benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialogue.protocols import Policy


class MissingError(ValueError):
    """A benchmark lacks data, a package or a model; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A helper model: a judge, or a simulator of the user or an API.

    Attributes:
        name: Name of the model, which every figure that it took part in names.
        policy: Policy that asks the model.
    """

    name: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a benchmark.

    Attributes:
        data: Folder of the pinned files.
        mirror: Folder to try before the network.
        judge: Model that rates answers, for protocols that need one.
        simulator: Model that plays the user or the API, for protocols that need one.
        trials: Number of dialogues per scenario, for benchmarks of dialogues.
        against: Folder of the run to compare the policy's answers with.
        tokenizer: Folder of the tokenizer of an endpoint, for benchmarks of log-likelihoods.
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
            MissingError: no judge was named.
        """
        return _named(self.judge, "judge", benchmark)

    def need_simulator(self, benchmark: str) -> Helper:
        """The simulator.

        Raises:
            MissingError: no simulator was named.
        """
        return _named(self.simulator, "simulator", benchmark)


def _named(helper: Helper | None, role: str, benchmark: str) -> Helper:
    if helper is None:
        raise MissingError(f"{benchmark} needs --{role} URL and --{role}-model NAME")
    return helper
