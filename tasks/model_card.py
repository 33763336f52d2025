"""The model card of a trained policy, written from its run: data, harvest, training, scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LICENCES: Mapping[str, str] = {"embedded": "mit", "smollm2": "apache-2.0"}
"""By kind of base; that of a pretrained one is its own, which this project does not know."""
FIGURES = ("reward", "success")


def card(
    policy: str,
    record: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]],
    hashes: Mapping[str, str],
) -> str:
    """The card as Markdown under the Hub's YAML header: a model folder's README.md.

    Args:
        policy: The trained policy's name, ``ROUND/ARM``.
        record: ``reports/metrics.json``.
        settings: The sections ``bootstrap``, ``harvest`` and ``train`` that it was made with.
        hashes: DVC's md5 by path, of the data and the models.
    """
    from huggingface_hub import ModelCard, ModelCardData

    bootstrap = settings["bootstrap"]
    arms = {**settings["train"]["arms"], **settings["train"].get("continued", {})}
    recipe = arms[policy.rpartition("/")[2]]
    is_hub_id = bootstrap["kind"] == "pretrained" and bootstrap["pretrained"].count("/") == 1
    data = ModelCardData(
        language="en",
        license=LICENCES.get(bootstrap["kind"], "other"),
        base_model=bootstrap["pretrained"] if is_hub_id else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["josh", "toolwoz", "tool-calling", recipe["method"]],
    )
    parts = [
        f"---\n{data.to_yaml()}\n---\n# {policy}",
        "A policy that calls tools, trained on its own dialogues (JOSH, arXiv 2409.04617).",
        f"## Scores on ToolWOZ\n\n{_scores(policy, record)}",
        f"## Rounds\n\n{_rounds(record['rounds'])}",
        f"## Data\n\n{_table(('path', 'md5 (DVC)'), hashes.items())}",
        f"## Base\n\n{_values(bootstrap)}",
        f"## Harvest\n\n{_values(settings['harvest'])}",
        f"## Training\n\n{_values(recipe)}",
    ]
    return str(ModelCard("\n\n".join(parts) + "\n"))


def _rounds(rounds: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (name, one["start"], one["candidate"], one["decision"], one["reason"])
        for name, one in rounds.items()
        if "decision" in one
    ]
    return _table(("round", "started from", "candidate", "gate", "because"), rows)


def _scores(policy: str, record: Mapping[str, Any]) -> str:
    rows = [
        (name, split, figure, _estimate(metrics[figure]), metrics["dialogues"], metrics["unscored"])
        for name in dict.fromkeys(("base", policy))
        for split, metrics in record["arms"].get(name, {}).items()
        for figure in FIGURES
    ]
    heads = ("policy", "split", "figure", "value [95 % interval]", "dialogues", "unscored")
    return _table(heads, rows)


def _estimate(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return "not measured"
    if estimate["low"] is None:
        return f"{estimate['value']:.3f}"
    return f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"


def _values(settings: Mapping[str, Any]) -> str:
    return f"```json\n{json.dumps(settings, indent=2, default=dict)}\n```"


def _table(heads: tuple[str, ...], rows: Any) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
