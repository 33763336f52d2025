"""How far a search is: metrics with steps in the stage's MLflow run, and a line for whoever asks.

A search is told of twenty times, whatever its size, so that hours and seconds both draw a curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from josh.tree.tree import Tree
from services.engines.metered import Metered
from services.mlflow import tracking

TOLD = 20
Show = Callable[[str, float, str], object]
"""Called with a search's name, the share of its dialogues that are over (0 to 1), and a line."""


def to_nobody(_name: str, _share: float, _line: str) -> None:
    """Nobody asked."""


@dataclass
class Standing:
    """One search under way.

    Attributes:
        name: Of the search.
        total: Dialogues to explore; one at least.
        policy: The one that is asked.
        show: Told how far it is, beside MLflow.
        done, golden, faults: Dialogues that are over; those with a reward; those cut short.
        reward: Sum over those that are over.
        tokens: The policy wrote so many.
    """

    name: str
    total: int
    policy: Metered
    show: Show = to_nobody
    done: int = 0
    golden: int = 0
    faults: int = 0
    reward: float = 0.0
    tokens: int = 0

    def count(self, tree: Tree) -> None:
        """Take note of a dialogue that is over."""
        before = TOLD * self.done // self.total
        self.done += 1
        self.golden += tree.golden_leaf is not None
        self.faults += tree.error is not None
        self.reward += tree.reward
        self.tokens += tree.completion_tokens
        if TOLD * self.done // self.total > before:
            tracking.report_step(self._figures(), self.done)
            self.show(self.name, self.done / self.total, self._line())

    def _figures(self) -> dict[str, float]:
        """By the names of MLflow; the step is the number of dialogues that are over."""
        figures = {
            "golden": self.golden / self.done,
            "reward": self.reward / self.done,
            "faults": self.faults,
            "tokens": self.tokens,
        }
        if self.policy.cached is not None:  # it depends on what ran at once
            figures["cached"] = self.policy.cached
        return {f"progress.{self.name}.{name}": value for name, value in figures.items()}

    def _line(self) -> str:
        return (
            f"{self.name}: {self.done} of {self.total} dialogues, {self.golden} golden, "
            f"mean reward {self.reward / self.done:.2f}, {self.faults} faults"
        )
