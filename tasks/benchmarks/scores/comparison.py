"""Comparison of two runs on the same items, over several benchmarks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.scores.scored_file import SCORED, ScoredError, read_configuration, read_scored
from toolwoz.evaluation.intervals import Estimate, bootstrap, detectable

LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline on one benchmark.

    Attributes:
        benchmark: Its name.
        items: Number of items scored in both runs; all figures but the next two are about them.
        unpaired: Number of items that only one run has.
        unscored: Number of items that both runs have, unscored in one or both.
        baseline, candidate: Mean scores.
        difference: Mean difference with its paired bootstrap interval.
        effect: Cohen's d of paired differences, their mean divided by their standard deviation; NaN
            if all are equal.
        detectable: Smallest true difference that this number of items shows with 80 % power.
        wins, losses: Numbers of items on which the candidate was better, worse.
        p_value: Exact sign test of wins against losses, ties left out. Where scores are 0 and 1
            this is McNemar's exact test; elsewhere it is about how many items moved, not how far.
        p_holm: The same after Holm's correction over the benchmarks compared together.
    """

    benchmark: str
    items: int
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
    def significant(self) -> bool:
        """Whether the interval excludes zero and the corrected test is significant at 5 %.

        Both are required, as the bootstrap interval is too narrow if few items changed.
        """
        excludes_zero = self.difference.low > 0 or self.difference.high < 0
        return excludes_zero and self.p_holm < LEVEL

    def to_json(self) -> dict[str, Any]:
        """Strict JSON: null where there was nothing to estimate from."""
        record = {**asdict(self), "significant": self.significant}
        found: dict[str, Any] = json.loads(
            json.dumps(record), parse_constant=lambda _not_a_number: None
        )
        return found


def compare(
    baseline: Mapping[str, Sequence[Scored]], candidate: Mapping[str, Sequence[Scored]]
) -> list[Difference]:
    """The differences on every benchmark that both have, with Holm's correction over them."""
    shared = [name for name in baseline if name in candidate]
    return holm([difference(name, baseline[name], candidate[name]) for name in shared])


def holm(found: Sequence[Difference]) -> list[Difference]:
    """The same differences with Holm's correction of their p-values."""
    if not found:
        return []
    corrected = multipletests([one.p_value for one in found], LEVEL, method="holm")[1]
    return [replace(one, p_holm=float(p)) for one, p in zip(found, corrected, strict=True)]


def difference(name: str, baseline: Sequence[Scored], candidate: Sequence[Scored]) -> Difference:
    """The difference on one benchmark, its p-value not corrected."""
    before = {one.item: one.score for one in baseline}
    after = {one.item: one.score for one in candidate}
    shared = sorted(before.keys() & after.keys())
    pairs = np.array(
        [
            (a, b)
            for a, b in ((before[item], after[item]) for item in shared)
            if a is not None and b is not None
        ],
        dtype=np.float64,
    ).reshape(-1, 2)
    gains = pairs[:, 1] - pairs[:, 0]
    wins, losses = int((gains > 0).sum()), int((gains < 0).sum())
    return Difference(
        benchmark=name,
        items=len(pairs),
        unpaired=len(before.keys() ^ after.keys()),
        unscored=len(shared) - len(pairs),
        baseline=_mean(pairs[:, 0]),
        candidate=_mean(pairs[:, 1]),
        difference=Estimate(_mean(gains), *bootstrap(gains), len(gains)),
        effect=_effect(gains),
        detectable=detectable(gains),
        wins=wins,
        losses=losses,
        p_value=float(mcnemar([[0, wins], [losses, 0]], exact=True).pvalue),
    )


def read_runs(folder: Path) -> dict[str, list[Scored]]:
    """The scored items of every benchmark below a folder.

    Raises:
        ScoredError: there are none, or damaged ones; or two runs are of the same benchmark.
    """
    found: dict[str, list[Scored]] = {}
    for path in sorted(folder.rglob(SCORED)):
        name = read_configuration(path.parent)["benchmark"]
        if name in found:
            raise ScoredError(f"{folder} holds two runs of {name}; name a folder with one of each")
        found[name] = read_scored(path.parent)
    if not found:
        raise ScoredError(f"{folder}: no {SCORED} below it; `python -m tasks.benchmarks` writes it")
    return found


def line(one: Difference) -> str:
    """A difference in one line for a terminal."""
    interval = f"[{one.difference.low:+.3f}, {one.difference.high:+.3f}]"
    return (
        f"{one.benchmark}: {one.baseline:.3f} -> {one.candidate:.3f}, "
        f"{one.difference.value:+.3f} {interval}, d {_known(one.effect, '+.2f')}, "
        f"{one.wins} better, {one.losses} worse of {one.items}, p {one.p_value:.2g}, "
        f"Holm {one.p_holm:.2g}, detectable {_known(one.detectable, '.3f')}"
        + (", significant" if one.significant else "")
    )


def _known(value: float, form: str) -> str:
    """The value, or n/a if no item differs and so there is no spread."""
    return "n/a" if math.isnan(value) else format(value, form)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _effect(gains: NDArray[np.float64]) -> float:
    spread = float(gains.std(ddof=1)) if len(gains) > 1 else 0.0
    return float(gains.mean()) / spread if spread else math.nan
