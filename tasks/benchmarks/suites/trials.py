"""Reliability over several dialogues of one scenario."""

from __future__ import annotations

from toolwoz.evaluation.statistics.trials import all_succeed


def pass_hat(wins: int, trials: int) -> dict[str, float]:
    """``pass^k`` for every k: the probability that k trials, drawn at random, all succeed."""
    return {f"pass^{k}": all_succeed(trials, wins, k) for k in range(1, trials + 1)}
