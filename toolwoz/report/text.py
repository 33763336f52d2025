"""The report of runs as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolwoz.evaluation.audit import Failure
from toolwoz.evaluation.metrics import Gains, compare
from toolwoz.evaluation.policy_run import PolicyRun
from toolwoz.evaluation.statistics.comparison import Comparison

REASONS = {kind: kind.value.replace("_", " ") for kind in Failure}


def lines(arms: Sequence[PolicyRun]) -> Iterator[str]:
    """The figures of every arm, and its comparison with the first arm."""
    for arm in arms:
        yield from _figures(arm)
    for arm in arms[1:]:
        yield from _comparison(arm.name, arms[0].name, compare(arms[0].results, arm.results))


def _figures(arm: PolicyRun) -> Iterator[str]:
    metrics = arm.metrics
    cut = f", {metrics.truncated} cut short" if metrics.truncated else ""
    yield (
        f"{arm.name}: {metrics.dialogues} dialogues of {metrics.scenarios} scenarios, "
        f"{metrics.unscored} unscored{cut}"
    )
    yield f"  average reward  {metrics.reward}"
    yield f"  success         {metrics.success}"
    for k in list(metrics.pass_hat)[1:]:
        every, any_ = metrics.pass_hat[k], metrics.pass_at[k]
        yield f"  {f'k = {k}':15} pass^k {every:.3f}, pass@k {any_:.3f}"
    for domain, share in metrics.by_domain.items():
        yield f"  {domain:15} {share}"
    yield f"  per dialogue    {metrics.turns:.1f} turns, {metrics.calls:.1f} calls"
    missed = [f"{count} {REASONS[kind]}" for kind, count in arm.failures.items() if count]
    if missed:
        yield f"  failed          {', '.join(missed)}"


def _comparison(name: str, baseline: str, found: Gains) -> Iterator[str]:
    success = found.success
    yield (
        f"{name} against {baseline}: {success.pairs} pairs; left out: "
        f"{success.unpaired} unpaired, {success.unscored} unscored"
    )
    yield f"  average reward  {_difference(found.reward)}"
    yield f"  success         {_difference(success)}"
    yield (
        f"  McNemar, exact  p = {success.p_value:.2g}, {success.wins} wins, {success.losses} losses"
    )


def _difference(found: Comparison) -> str:
    estimate = found.difference
    return (
        f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}], "
        f"smallest detectable {found.detectable:.3f}"
    )
