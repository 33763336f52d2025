"""Every choice of a harvest. The defaults are the paper's algorithm, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class JoshConfig:
    """How dialogues are explored; each option beyond the paper is off until it is asked for.

    Attributes:
        strategy: ``josh`` grows and collapses a tree; ``rollouts`` plays ``beam`` independent
            dialogues, the baseline of rejection sampling and best-of-n.
        beam: Most leaves alive at once.
        turns: Most agent turns in a dialogue.
        calls: Most model calls in an agent turn. A turn that reaches it without speech goes on as
            the next one, before the user is asked.
        branching: ``turn``: the tree branches at each agent turn. ``message``: at each of its
            messages, tool calls included.
        seed: Of the run; every model call gets its own, derived from it.
        all_rewards: Every goal the winning leaf reached in the turn counts. Off, only the first
            does, and the others can no longer be earned.
        best_leaf: Of several leaves that earned, the one with most goals wins, then with fewest
            errors, then with fewest model calls. Off, and on ties, the first.
        refill: As many leaves branch as the beam has room for. Off, all or none do. When no leaf is
            left, the tree grows anew from where it last collapsed.
        merge: Siblings that did the same in a turn go on as one.
        probation: Turns for which losing siblings are played on; one that earns something in that
            time does not count as bad.
        patience: Turns without a reward after which a dialogue is given up; 0 for never.
        end_on_error: A leaf ends when a call of it is answered with an error (an unknown tool,
            malformed arguments), unless its turn has earned something.
    """

    strategy: Literal["josh", "rollouts"] = "josh"
    beam: int = 8
    turns: int = 15
    calls: int = 3
    branching: Literal["turn", "message"] = "turn"
    seed: int = 0
    all_rewards: bool = False
    best_leaf: bool = False
    refill: bool = False
    merge: bool = False
    probation: int = 0
    patience: int = 0
    end_on_error: bool = False

    def __post_init__(self) -> None:
        """Refuse what no harvest can do.

        Raises:
            ValueError: a number is out of its range, or a name is unknown.
        """
        for name, least in (
            ("beam", 1),
            ("turns", 1),
            ("calls", 1),
            ("probation", 0),
            ("patience", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.strategy not in ("josh", "rollouts"):
            raise ValueError(f"strategy must be josh or rollouts, not {self.strategy!r}")
        if self.branching not in ("turn", "message"):
            raise ValueError(f"branching must be turn or message, not {self.branching!r}")

    @property
    def calls_per_node(self) -> int:
        return self.calls if self.branching == "turn" else 1

    @property
    def rounds(self) -> int:
        """How often the tree may grow."""
        return self.turns if self.branching == "turn" else self.turns * self.calls
