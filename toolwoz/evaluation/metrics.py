"""Metrics of a run, and gains of one run on another; an unscored dialogue is never a zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from toolwoz.evaluation.runs.result import Result
from toolwoz.evaluation.statistics import comparison
from toolwoz.evaluation.statistics.comparison import Comparison
from toolwoz.evaluation.statistics.intervals import Estimate, estimate, mean, nulls
from toolwoz.evaluation.statistics.trials import all_succeed, any_succeeds


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
        record: dict[str, Any] = nulls(asdict(self))
        return record


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
        pass_at=_over_k(groups, any_succeeds),
        by_domain=_reached(groups, lambda goal: goal.partition("_")[2]),
        by_tool=_reached(groups, lambda goal: goal),
        turns=mean(result.turns for result in scored),
        calls=mean(result.calls for result in scored),
        model_calls=mean(result.model_calls for result in scored),
        prompt_tokens=mean(result.prompt_tokens for result in scored),
        completion_tokens=mean(result.completion_tokens for result in scored),
    )


@dataclass(frozen=True, slots=True)
class Gains:
    """What one run adds to another over the same dialogues, by figure.

    Attributes:
        reward, success: Candidate minus baseline, by scenario. With one trial a scenario the wins
            and losses in success are the discordant pairs of McNemar; with several, counting
            dialogues would take those of one scenario for independent.
    """

    reward: Comparison
    success: Comparison

    def to_json(self) -> dict[str, Any]:
        """What reports hold; strict JSON: null where there was nothing to estimate from."""
        return {
            "pairs": self.success.pairs,
            "unpaired": self.success.unpaired,
            "unscored": self.success.unscored,
            "reward": _difference(self.reward),
            "success": _difference(self.success),
            "wins": self.success.wins,
            "losses": self.success.losses,
            "p_value": self.success.p_value,
        }


def compare(baseline: Iterable[Result], candidate: Iterable[Result]) -> Gains:
    """What the candidate adds to the baseline, paired by scenario and trial."""
    runs = list(baseline), list(candidate)
    return Gains(
        reward=comparison.compare(*(_scores(run, lambda one: one.reward) for run in runs)),
        success=comparison.compare(*(_scores(run, lambda one: one.success) for run in runs)),
    )


def _scores(run: Iterable[Result], figure: Callable[[Result], float]) -> comparison.Scores:
    return {one.key: figure(one) if one.scored else None for one in run}


def _difference(found: Comparison) -> dict[str, Any]:
    figures = {"estimate": asdict(found.difference), "detectable": found.detectable}
    record: dict[str, Any] = nulls(figures)
    return record


def by_scenario(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Results grouped by their scenario, in order of first appearance."""
    groups: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.scenario].append(result)
    return dict(groups)


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
