"""The gate of a round: whether its trained policy is to replace the one it started from.

It asks for a gain on ToolWOZ validation that is no accident, and that no general benchmark named in
``margins`` fell by more than its margin from the base, which every round is held to: small falls
add up. The test split has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tasks.benchmarks.scores import comparison
from tasks.benchmarks.scores.scored_file import read_configuration, read_scored
from tasks.rounds.sequence import GateConfig
from toolwoz.evaluation.arm import read_arm
from toolwoz.evaluation.metrics import compare
from toolwoz.evaluation.statistics.comparison import LEVEL, Comparison

SPLIT = "val"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided, and why, in words for a log."""

    candidate: str
    decision: Literal["promoted", "kept back"]
    reason: str


def decide(
    config: GateConfig,
    comparisons: Mapping[str, Mapping[str, Any]],
    benchmarks: Mapping[str, Comparison] | None = None,
) -> Decision:
    """Promote when the gain on validation is no accident and no benchmark fell beyond its margin.

    The gain: its paired 95 % interval must lie above zero, and the exact McNemar test on successes
    must not allow for chance at 5 %: the bootstrap is too sure of itself where few scenarios
    changed. Each benchmark: :func:`fell`. Every reason to keep the candidate back is said.

    Args:
        config: The rule.
        comparisons: Per arm and split, the :class:`toolwoz.evaluation.metrics.Gains` on the
            policy that the round started from, as JSON.
        benchmarks: Candidate minus base on each benchmark of ``config.margins``.

    Raises:
        ValueError: the candidate was not evaluated, or not on a benchmark that has a margin.
    """
    if SPLIT not in comparisons.get(config.candidate, {}):
        raise ValueError(
            f"gate.candidate: {config.candidate} was not compared on {SPLIT}; compared "
            f"were: {', '.join(comparisons) or 'none'}"
        )
    found = benchmarks or {}
    if missing := sorted(config.margins.keys() - found.keys()):
        raise ValueError(
            f"gate.margins has {', '.join(missing)}, not run on {config.candidate} and "
            "the base: add it to benchmarks.names"
        )
    gained, reason = _gain(config, comparisons[config.candidate][SPLIT])
    falls = [fell(name, found[name], margin) for name, margin in config.margins.items()]
    promoted = gained and not any(fallen for fallen, _ in falls)
    reasons = "; ".join([reason, *(words for _, words in falls)])
    return Decision(config.candidate, "promoted" if promoted else "kept back", reasons)


def compared(config: GateConfig, start: str, results: Path) -> dict[str, dict[str, Any]]:
    """The candidate's difference from the policy that the round started from, for :func:`decide`.

    Args:
        config: Names the candidate.
        start: Name of the policy that the round started from.
        results: Folder of the round's evaluation, ``SPLIT/POLICY`` below it.
    """
    folders = [results / SPLIT / name for name in (start, config.candidate)]
    if not all(folder.is_dir() for folder in folders):
        return {}
    before, after = (read_arm(folder).results for folder in folders)
    return {config.candidate: {SPLIT: compare(before, after).to_json()}}


def fell(benchmark: str, found: Comparison, margin: float) -> tuple[bool, str]:
    """Whether a fall of the score by `margin` cannot be ruled out, and why, in words.

    Non-inferiority: the lower bound of the paired 95 % bootstrap interval of candidate minus base
    must lie above ``-margin``. Two guards go before it, since an interval sees neither what was not
    scored nor that few items show few changes: not more than a share `margin` of the items may be
    unscored; and there must be so many items that, were a share `margin` of them to turn worse, a
    sample with no worse item would have less than 2.5 % chance: ``(1 - margin) ** items < 0.025``.
    """
    words = f"{benchmark} {found.difference.value:+.3f}, margin {margin:g}"
    total = found.items + found.unscored
    if found.unscored > margin * total:
        return True, f"{words}: {found.unscored} of {total} items are unscored"
    if (1 - margin) ** found.items >= LEVEL / 2:
        return True, f"{words}: {found.items} items are too few to rule such a fall out"
    words += f", lower bound {found.difference.low:+.3f}"
    if found.difference.low <= -margin:
        return True, f"{words}: such a fall cannot be ruled out"
    return False, f"{words}: not worse"


def read_benchmarks(
    config: GateConfig, folder: Path, policies: Sequence[str]
) -> dict[str, Comparison]:
    """Candidate minus base on each benchmark with a margin, from ``folder/POLICY/BENCHMARK``.

    Args:
        config: The rule.
        folder: Of all benchmarks.
        policies: The base, then the candidate, as their folders are named.

    Raises:
        ValueError: one was not run, or not both policies on the same items in the same way.
    """
    found = {}
    for name in config.margins:
        runs = {policy: folder / policy / name for policy in policies}
        for policy, run in runs.items():
            if not run.is_dir():
                raise ValueError(
                    f"gate.margins has {name}, which was not run on {policy}: add it to "
                    "benchmarks.names, and run `dvc repro` again"
                )
        _require_alike(name, *runs.values())
        one = comparison.compare(*(read_scored(run) for run in runs.values()))
        if one.unpaired:
            raise ValueError(
                f"{name}: {one.unpaired} items were asked of one of {' and '.join(policies)} "
                "alone: run the stages baseline and benchmarks with the same benchmarks.limit"
            )
        found[name] = one
    return found


def _require_alike(name: str, one: Path, other: Path) -> None:
    a, b = read_configuration(one), read_configuration(other)
    if a.get("benchmark") != name:
        raise ValueError(f"{one} holds a run of {a.get('benchmark')}, not of {name}")
    changed = sorted(k for k in a.keys() | b.keys() if k != "model" and a.get(k) != b.get(k))
    if changed:
        raise ValueError(f"{one} and {other} differ in {', '.join(changed)}: run one of them anew")


def _gain(config: GateConfig, gains: Mapping[str, Any]) -> tuple[bool, str]:
    gain = gains[config.metric]["estimate"]
    if gain["low"] is None:
        return False, f"too few scored {SPLIT} scenarios"
    found = (
        f"gain in {config.metric} on {gain['scenarios']} {SPLIT} scenarios "
        f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    )
    if gain["high"] < 0:
        return False, f"{found} is a loss"
    if gain["low"] <= 0:
        return False, f"{found} does not exclude zero"
    found += f", McNemar p = {gains['p_value']:.2g}"
    if gains["p_value"] >= LEVEL:
        return False, f"{found}: too few scenarios changed"
    return True, found
