"""The gate: whether a trained policy is to replace the base, decided on validation alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SPLIT = "val"
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The section ``evaluate.gate``.

    Attributes:
        candidate: The arm of ``train.arms`` that may become champion. Named beforehand: the best
            of several arms would be chosen by luck, too.
        metric: What has to improve over the base.
    """

    candidate: str
    metric: Literal["reward", "success"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided, and why, in words for a log."""

    candidate: str
    decision: Literal["promoted", "kept back"]
    reason: str


def decide(config: GateConfig, comparisons: Mapping[str, Mapping[str, Any]]) -> Decision:
    """Promote when the gain on validation is no accident.

    Its paired 95 % interval must lie above zero, and the exact McNemar test on successes must not
    allow for chance at 5 %: the bootstrap is too sure of itself where few scenarios changed.

    Args:
        comparisons: Per arm and split, a :class:`toolwoz.metrics.Comparison` as JSON.

    Raises:
        ValueError: the candidate was not evaluated.
    """
    if SPLIT not in comparisons.get(config.candidate, {}):
        raise ValueError(
            f"evaluate.gate.candidate: {config.candidate} was not compared on {SPLIT}; compared "
            f"were: {', '.join(comparisons) or 'none'}"
        )
    comparison = comparisons[config.candidate][SPLIT]
    gain = comparison[config.metric]["estimate"]
    if gain["low"] is None:
        return Decision(config.candidate, "kept back", f"too few scored {SPLIT} scenarios")
    found = (
        f"gain in {config.metric} on {gain['scenarios']} {SPLIT} scenarios "
        f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    )
    if gain["low"] <= 0:
        return Decision(config.candidate, "kept back", f"{found} does not exclude zero")
    found += f", McNemar p = {comparison['p_value']:.2g}"
    if comparison["p_value"] >= LEVEL:
        return Decision(config.candidate, "kept back", f"{found}: too few scenarios changed")
    return Decision(config.candidate, "promoted", found)
