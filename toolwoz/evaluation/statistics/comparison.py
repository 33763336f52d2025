"""The comparison of two runs in pairs, from their scores alone.

An item (a scenario, or an item of a benchmark) is one observation, however many trials it has.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from toolwoz.evaluation.statistics.intervals import Estimate, bootstrap, detectable, mean

LEVEL = 0.05
"""The chance of a false alarm that a test allows."""
TIE = 1e-9
"""The difference of two means of trials that rounding alone may make."""

Scores = Mapping[tuple[str, int], float | None]
"""A run: item and trial -> its score, None where it has none."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate minus baseline over the same items.

    Attributes:
        pairs: Trials scored in both runs; every figure but the next two is about them.
        unpaired: Trials that only one of the runs has.
        unscored: Trials that both have, and that have no score in one or both.
        baseline, candidate: Mean scores over items.
        difference: The mean difference with its paired bootstrap interval. It is never Wilson's:
            without a single loss the differences look like a proportion, and are none.
        effect: Cohen's d of paired differences: their mean by their standard deviation; NaN where
            all are equal.
        detectable: The smallest true difference that so many items show with 80 % power; a smaller
            one, found or not, says little.
        wins, losses: Items the candidate did better, worse.
        p_value: Exact sign test of wins against losses, ties left out. Where an item has one trial
            of score 0 or 1 this is McNemar's exact test; elsewhere it is about how many items
            moved, not how far.
        p_holm: The same after Holm's correction over the comparisons looked at together.
    """

    pairs: int
    unpaired: int
    unscored: int
    baseline: float
    candidate: float
    difference: Estimate
    effect: float
    detectable: float
    wins: int
    losses: int
    p_value: float
    p_holm: float = math.nan

    @property
    def items(self) -> int:
        """Different items among the pairs."""
        return self.difference.scenarios

    @property
    def significant(self) -> bool:
        """The interval excludes zero, and the corrected test does not allow for chance at 5 %.

        Both, because the bootstrap is too sure of itself where few items changed.
        """
        excludes_zero = self.difference.low > 0 or self.difference.high < 0
        return excludes_zero and self.p_holm < LEVEL


def compare(baseline: Scores, candidate: Scores) -> Comparison:
    """What the candidate adds to the baseline, its p-value not corrected."""
    shared = sorted(baseline.keys() & candidate.keys())
    pairs: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for key in shared:
        before, after = baseline[key], candidate[key]
        if before is not None and after is not None:
            pairs[key[0]].append((before, after))
    gains = _means([[after - before for before, after in of_item] for of_item in pairs.values()])
    wins, losses = int((gains > TIE).sum()), int((gains < -TIE).sum())
    scored = sum(map(len, pairs.values()))
    return Comparison(
        pairs=scored,
        unpaired=len(baseline.keys() ^ candidate.keys()),
        unscored=len(shared) - scored,
        baseline=mean(_means([[before for before, _ in of_item] for of_item in pairs.values()])),
        candidate=mean(_means([[after for _, after in of_item] for of_item in pairs.values()])),
        difference=Estimate(mean(gains), *bootstrap(gains), len(gains)),
        effect=_effect(gains),
        detectable=detectable(gains),
        wins=wins,
        losses=losses,
        p_value=float(mcnemar([[0, wins], [losses, 0]], exact=True).pvalue),
    )


def holm(found: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """The same comparisons, their p-values corrected for having been looked at together."""
    if not found:
        return {}
    corrected = multipletests([one.p_value for one in found.values()], LEVEL, method="holm")[1]
    return {
        name: replace(one, p_holm=float(p))
        for (name, one), p in zip(found.items(), corrected, strict=True)
    }


def _means(groups: list[list[float]]) -> NDArray[np.float64]:
    return np.array([fmean(group) for group in groups], dtype=np.float64)


def _effect(gains: NDArray[np.float64]) -> float:
    spread = float(gains.std(ddof=1)) if len(gains) > 1 else 0.0
    return float(gains.mean()) / spread if spread else math.nan
