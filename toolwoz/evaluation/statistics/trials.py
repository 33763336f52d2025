"""Several trials of one scenario: the chances that all of k, or any of k, succeed."""

from __future__ import annotations

import math


def all_succeed(trials: int, successes: int, k: int) -> float:
    """The chance that k of the trials, drawn at random, all succeed (arXiv 2406.12045)."""
    return math.comb(successes, k) / math.comb(trials, k)


def any_succeeds(trials: int, successes: int, k: int) -> float:
    """The chance that one or more of k trials, drawn at random, succeed (arXiv 2107.03374)."""
    return 1 - math.comb(trials - successes, k) / math.comb(trials, k)
