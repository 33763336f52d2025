"""What a run shows, and what two runs show of each other; an unscored dialogue is never a zero."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar

from toolwoz.evaluation.intervals import Estimate, bootstrap, detectable, estimate
from toolwoz.evaluation.result import Result


@dataclass(frozen=True, slots=True)
class Metrics:
    """A run in figures.

    Attributes:
        dialogues: Scored dialogues; every figure but ``unscored`` is about them.
        unscored: Dialogues that an engine's failure left without a score.
        truncated: Dialogues that ended because the policy's context was full.
        scenarios: Different scenarios.
        reward, success: Average reward and success rate.
        pass_hat: k -> chance that k independent trials of a scenario *all* succeed (pass^k of
            tau-bench, arXiv 2406.12045); over the scenarios that have k trials.
        pass_at: k -> chance that *any* of k succeeds (pass@k, arXiv 2107.03374); over the same.
        by_domain, by_tool: Share of the goals of a domain, of a tool, that were reached.
        turns, calls, model_calls, prompt_tokens, completion_tokens: Means per dialogue.
    """

    dialogues: int
    unscored: int
    truncated: int
    scenarios: int
    reward: Estimate
    success: Estimate
    pass_hat: Mapping[int, float]
    pass_at: Mapping[int, float]
    by_domain: Mapping[str, Estimate]
    by_tool: Mapping[str, Estimate]
    turns: float
    calls: float
    model_calls: float
    prompt_tokens: float
    completion_tokens: float

    def to_json(self) -> dict[str, Any]:
        """Strict JSON: null where there was nothing to estimate from."""
        return _nulls(asdict(self))


def summarise(results: Iterable[Result]) -> Metrics:
    """The metrics of a run, its results in any order."""
    results = list(results)
    scored = [result for result in results if result.scored]
    groups = list(by_scenario(scored).values())
    return Metrics(
        dialogues=len(scored),
        unscored=len(results) - len(scored),
        truncated=sum(result.truncated for result in scored),
        scenarios=len(groups),
        reward=estimate([[result.reward for result in group] for group in groups]),
        success=estimate([[result.success for result in group] for group in groups]),
        pass_hat=_over_k(groups, all_succeed),
        pass_at=_over_k(groups, _any_succeeds),
        by_domain=_reached(groups, lambda goal: goal.partition("_")[2]),
        by_tool=_reached(groups, lambda goal: goal),
        turns=_mean(result.turns for result in scored),
        calls=_mean(result.calls for result in scored),
        model_calls=_mean(result.model_calls for result in scored),
        prompt_tokens=_mean(result.prompt_tokens for result in scored),
        completion_tokens=_mean(result.completion_tokens for result in scored),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline over paired scenarios.

    Attributes:
        estimate: The mean difference with its paired bootstrap interval.
        detectable: The smallest true difference such a comparison shows with 80 % power; a
            smaller one, found or not, says little.
    """

    estimate: Estimate
    detectable: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same dialogues.

    Attributes:
        pairs: Dialogues scored in both runs; every figure but the next two is about them.
        unpaired: Dialogues that only one of the runs has.
        unscored: Dialogues that both have, and an engine's failure spoiled in one or both.
        reward, success: The differences.
        wins, losses: Scenarios the candidate succeeded in more often, less often.
        p_value: Exact sign test of wins against losses. With one trial a scenario these are the
            discordant pairs of McNemar, and it is McNemar's exact test; with several, counting
            dialogues would take those of one scenario for independent.
    """

    pairs: int
    unpaired: int
    unscored: int
    reward: Difference
    success: Difference
    wins: int
    losses: int
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """Strict JSON: null where there was nothing to estimate from."""
        return _nulls(asdict(self))


def compare(baseline: Iterable[Result], candidate: Iterable[Result]) -> Comparison:
    """What the candidate adds to the baseline, paired by scenario and trial."""
    before = {result.key: result for result in baseline}
    after = {result.key: result for result in candidate}
    shared = sorted(before.keys() & after.keys())
    pairs = [(before[key], after[key]) for key in shared]
    scored = [(a, b) for a, b in pairs if a.scored and b.scored]
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    successes: defaultdict[str, list[float]] = defaultdict(list)
    for a, b in scored:
        rewards[a.scenario].append(b.reward - a.reward)
        successes[a.scenario].append(b.success - a.success)
    wins = sum(sum(group) > 0 for group in successes.values())
    losses = sum(sum(group) < 0 for group in successes.values())
    return Comparison(
        pairs=len(scored),
        unpaired=len(before.keys() ^ after.keys()),
        unscored=len(pairs) - len(scored),
        reward=_difference(rewards.values()),
        success=_difference(successes.values()),
        wins=wins,
        losses=losses,
        p_value=float(mcnemar([[0, wins], [losses, 0]], exact=True).pvalue),
    )


def by_scenario(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Results grouped by their scenario, in order of first appearance."""
    groups: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.scenario].append(result)
    return dict(groups)


def _difference(groups: Collection[list[float]]) -> Difference:
    means = np.array([fmean(group) for group in groups], dtype=np.float64)
    if not len(means):
        return Difference(estimate([]), detectable(means))
    # Never Wilson's: without a single loss the differences look like a proportion, and are none.
    return Difference(
        Estimate(float(means.mean()), *bootstrap(means), len(means)), detectable(means)
    )


def all_succeed(trials: int, successes: int, k: int) -> float:
    """The chance that k of the trials, drawn at random, all succeed (arXiv 2406.12045)."""
    return math.comb(successes, k) / math.comb(trials, k)


def _any_succeeds(trials: int, successes: int, k: int) -> float:
    return 1 - math.comb(trials - successes, k) / math.comb(trials, k)


def _over_k(
    groups: Collection[list[Result]], chance: Callable[[int, int, int], float]
) -> dict[int, float]:
    most = max(map(len, groups), default=0)
    return {
        k: fmean(
            chance(len(group), sum(result.success for result in group), k)
            for group in groups
            if len(group) >= k
        )
        for k in range(1, most + 1)
    }


def _reached(groups: Iterable[list[Result]], kind: Callable[[str], str]) -> dict[str, Estimate]:
    """Per kind of goal, the share reached, estimated over the scenarios that have such goals."""
    shares: defaultdict[str, list[list[float]]] = defaultdict(list)
    for group in groups:
        for name in {kind(goal) for goal in group[0].goals}:
            shares[name].append(
                [
                    fmean(goal in result.earned for goal in result.goals if kind(goal) == name)
                    for result in group
                ]
            )
    return {name: estimate(shares[name]) for name in sorted(shares)}


def _mean(values: Iterable[int]) -> float:
    values = list(values)
    return fmean(values) if values else math.nan


def _nulls(record: dict[str, Any]) -> dict[str, Any]:
    return {str(key): _null(value) for key, value in record.items()}


def _null(value: Any) -> Any:
    if isinstance(value, dict):
        return _nulls(value)
    return None if isinstance(value, float) and math.isnan(value) else value
