"""Flat figures of a policy for MLflow, from its nested metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def split_metrics(by_split: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """``{"test.reward": ..., "test.success": ..., "test.unscored": ...}``, without the figures that
    could not be estimated.

    Args:
        by_split: Split -> :class:`toolwoz.evaluation.metrics.Metrics` as JSON.
    """
    found = {}
    for split, metrics in by_split.items():
        for figure in ("reward", "success"):
            if metrics[figure]["value"] is not None:
                found[f"{split}.{figure}"] = metrics[figure]["value"]
        found[f"{split}.unscored"] = metrics["unscored"]
    return found


def benchmark_metrics(by_name: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """``{"bbh.score": ..., "bbh.unscored": ...}``, without scores that could not be estimated.

    Args:
        by_name: Benchmark -> its figures, as ``reports/benchmarks/ROUND.json`` has them.
    """
    found = {}
    for name, figures in by_name.items():
        if figures["score"]["value"] is not None:
            found[f"{name}.score"] = figures["score"]["value"]
        found[f"{name}.unscored"] = figures["unscored"]
    return found


def gains(by_split: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """``{"test.reward_gain": ..., "test.success_gain": ...}``, as far as they could be estimated.

    Args:
        by_split: Split -> :class:`toolwoz.evaluation.metrics.Gains` as JSON.
    """
    found = {}
    for split, comparison in by_split.items():
        for figure in ("reward", "success"):
            gain = comparison[figure]["estimate"]["value"]
            if gain is not None:
                found[f"{split}.{figure}_gain"] = gain
    return found
