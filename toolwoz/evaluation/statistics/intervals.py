"""Means with their intervals. The scenario is the unit: its dialogues are not independent.

So every function takes one sequence of values a scenario, and the scenario's mean is one
observation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint

CONFIDENCE = 0.95
POWER = 0.8
RESAMPLES = 9_999


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over scenarios with its 95 % interval; NaN where there is nothing to estimate from.

    Attributes:
        value: The mean.
        low, high: Wilson's interval where every scenario gave one 0 or 1; else the percentile
            bootstrap over scenarios, which needs two of them.
        scenarios: How many it rests on.
    """

    value: float
    low: float
    high: float
    scenarios: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def estimate(groups: Sequence[Sequence[float]]) -> Estimate:
    """The mean over scenarios of each scenario's mean; ``groups`` has no empty element."""
    means = np.array([np.mean(group) for group in groups], dtype=np.float64)
    if not len(means):
        return Estimate(math.nan, math.nan, math.nan, 0)
    binary = all(len(group) == 1 and group[0] in (0, 1) for group in groups)
    low, high = (wilson if binary else bootstrap)(means)
    return Estimate(float(means.mean()), low, high, len(means))


def mean(values: Iterable[float]) -> float:
    """The mean of numbers; NaN of none."""
    array = np.fromiter(values, dtype=np.float64)
    return float(array.mean()) if len(array) else math.nan


def nulls(value: Any) -> Any:
    """Figures as strict JSON has them: null where there was nothing to estimate from."""
    if isinstance(value, Mapping):
        return {str(key): nulls(one) for key, one in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


class Interval(NamedTuple):
    low: float
    high: float


def wilson(outcomes: NDArray[np.float64]) -> Interval:
    """Wilson's interval of a proportion, from zeros and ones."""
    low, high = proportion_confint(
        int(outcomes.sum()), len(outcomes), alpha=1 - CONFIDENCE, method="wilson"
    )
    return Interval(float(low), float(high))


def bootstrap(values: NDArray[np.float64]) -> Interval:
    """Percentile bootstrap of a mean, from a fixed seed; NaN for fewer than two values.

    Percentile rather than BCa, which is undefined when all values are equal, as an oracle's are.
    """
    if len(values) < 2:
        return Interval(math.nan, math.nan)
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=1_000,  # bounds the memory of a resample of thousands of scenarios
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(found.low), float(found.high))


def detectable(differences: NDArray[np.float64]) -> float:
    """The smallest true mean difference that so many paired scenarios would show.

    With 80 % power, two-sided at 5 %, the differences spread as these are; NaN where they do not
    spread at all.
    """
    if len(differences) < 2 or not (spread := float(differences.std(ddof=1))):
        return math.nan
    effect = TTestPower().solve_power(nobs=len(differences), alpha=1 - CONFIDENCE, power=POWER)
    return float(effect) * spread
