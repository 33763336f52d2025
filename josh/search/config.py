"""The settings of a search: JOSH or plain rollouts. JOSH's defaults are the paper's algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class JoshConfig:
    """JOSH: a tree that grows, and collapses to a leaf that earned a reward.

    Attributes:
        strategy: ``josh``.
        beam: Largest number of leaves alive at once.
        turns: Largest number of agent turns in a dialogue.
        calls: Largest number of model calls in an agent turn. A turn that reaches it without
            speech goes on as the next one, before the user is asked.
        seed: Seed of the run; every model call gets its own, derived from it.
        all_rewards: Whether every goal that the winning leaf reached in the turn counts. If not,
            only the first does, and the others can no longer be earned.
        best_leaf: Whether, of several leaves that earned, the one with most goals wins, then with
            fewest errors, then with fewest model calls. If not, and on ties, the first wins.
        refill: Whether as many leaves branch as the beam has room for, and the tree grows anew
            from where it last collapsed when no leaf is left. If not, all leaves branch or none.
        patience: Turns without a reward after which a dialogue is given up; 0 for never.
        end_on_error: Whether a leaf ends when one of its calls is answered with an error (an
            unknown tool, malformed arguments) before its turn has earned something.
    """

    strategy: Literal["josh"] = "josh"
    beam: int = 8
    turns: int = 15
    calls: int = 3
    seed: int = 0
    all_rewards: bool = False
    best_leaf: bool = False
    refill: bool = False
    patience: int = 0
    end_on_error: bool = False

    def __post_init__(self) -> None:
        """Refuse a search that cannot be run.

        Raises:
            ValueError: a number is out of its range, or the strategy is another.
        """
        _require("josh", self)


@dataclass(frozen=True, slots=True)
class RolloutsConfig:
    """Independent dialogues, the baseline of rejection sampling and best-of-n.

    Attributes:
        strategy: ``rollouts``.
        beam: Number of dialogues per scenario.
        turns, calls, seed, end_on_error: As in :class:`JoshConfig`.
    """

    strategy: Literal["rollouts"] = "rollouts"
    beam: int = 8
    turns: int = 15
    calls: int = 3
    seed: int = 0
    end_on_error: bool = False

    def __post_init__(self) -> None:
        """As :meth:`JoshConfig.__post_init__`."""
        _require("rollouts", self)


SearchConfig = JoshConfig | RolloutsConfig


def _require(strategy: str, config: SearchConfig) -> None:
    if config.strategy != strategy:
        name = type(config).__name__
        raise ValueError(f"strategy of a {name} must be {strategy}, not {config.strategy!r}")
    for name, least in {"beam": 1, "turns": 1, "calls": 1, "seed": 0, "patience": 0}.items():
        if (value := getattr(config, name, least)) < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
