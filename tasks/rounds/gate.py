"""The gate of a round: whether its trained policy replaces the one that the round started from.

It requires a significant gain on ToolWOZ validation, and that no general benchmark of ``margins``
fell by more than its margin below the base. Every round is compared with the base, as small falls
add up. The gate does not read the test split, and decides on (nearly) all pairs or not at all: a
dialogue that an engine's failure left unscored is often one that would have been lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tasks.benchmarks.scores import comparison
from tasks.benchmarks.scores.scored_file import read_configuration, read_scored
from tasks.rounds.sequence import GateConfig
from toolwoz.evaluation.metrics import compare
from toolwoz.evaluation.policy_run import read_policy_run
from toolwoz.evaluation.statistics.comparison import LEVEL, Comparison

SPLIT = "val"
TOLERATED = 0.02
"""Share of the validation pairs that may lack a score on either side."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision of the gate, and its reason as a sentence."""

    candidate: str
    decision: Literal["promoted", "kept back"]
    reason: str


def decide(
    config: GateConfig,
    comparisons: Mapping[str, Mapping[str, Any]],
    benchmarks: Mapping[str, Comparison] | None = None,
) -> Decision:
    """Promote if the gain on validation is significant and no benchmark fell beyond its margin.

    Pairs: at most a share ``TOLERATED`` may lack a score on either side.
    Gain: its paired 95 % interval must lie above zero, and the exact McNemar test on successes must
    be significant at 5 %, as the bootstrap interval is too narrow if few scenarios changed.
    Benchmarks: see :func:`fell`. The reason lists every check that failed.

    Args:
        config: Settings of the gate.
        comparisons: Arm -> split -> the :class:`toolwoz.evaluation.metrics.Gains`, as JSON, over
            the policy that the round started from.
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
        config: Settings of the gate, which name the candidate.
        start: Name of the policy that the round started from.
        results: Folder of the round's evaluation, with folders ``SPLIT/POLICY``.
    """
    folders = [results / SPLIT / name for name in (start, config.candidate)]
    if not all(folder.is_dir() for folder in folders):
        return {}
    before, after = (read_policy_run(folder).results for folder in folders)
    return {config.candidate: {SPLIT: compare(before, after).to_json()}}


def fell(benchmark: str, found: Comparison, margin: float) -> tuple[bool, str]:
    """Whether a fall of the score by `margin` cannot be excluded, and the reason as a sentence.

    Non-inferiority: the lower bound of the paired 95 % bootstrap interval of candidate minus base
    must lie above ``-margin``. Two checks come first, as the interval reflects neither unscored
    items nor a small sample: at most a share `margin` of the items may be unscored; and if a share
    `margin` of all items were worse, the probability of a sample without a worse item must be below
    2.5 %: ``(1 - margin) ** items < 0.025``.
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
        config: Settings of the gate.
        folder: Folder of all benchmark runs.
        policies: Names of the folders of base and candidate, in this order.

    Raises:
        ValueError: a benchmark was not run, or not with the same items and settings for both.
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
                f"{name}: {one.unpaired} items were asked of only one of {' and '.join(policies)}: "
                "run the stages baseline and benchmarks with the same benchmarks.limit"
            )
        found[name] = one
    return found


def _require_alike(name: str, one: Path, other: Path) -> None:
    a, b = read_configuration(one), read_configuration(other)
    if a.get("benchmark") != name:
        raise ValueError(f"{one} holds a run of {a.get('benchmark')}, not of {name}")
    changed = sorted(k for k in a.keys() | b.keys() if k != "model" and a.get(k) != b.get(k))
    if changed:
        raise ValueError(f"{one} and {other} differ in {', '.join(changed)}: run one again")


def _gain(config: GateConfig, gains: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the gain is significant on nearly all pairs, and the reason as a sentence."""
    lost = gains["unscored"] + gains["unpaired"]
    total = gains["pairs"] + lost
    gained, found = _significant(config, gains)
    if not lost:
        return gained, found
    found += f"; {lost} of {total} {SPLIT} pairs lack a score on either side"
    if lost > TOLERATED * total:
        return False, f"{found}, and {TOLERATED:.0%} are tolerated"
    return gained, found


def _significant(config: GateConfig, gains: Mapping[str, Any]) -> tuple[bool, str]:
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
