"""The model card of a trained policy: data, harvest, training and scores of its run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.register.packing import BASE

LICENCES: Mapping[str, str] = {"embedded": "mit", "smollm2": "apache-2.0"}
"""Kind of base -> licence; that of a pretrained base is not known here."""
FIGURES = ("reward", "success")


def card(
    policy: str,
    record: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]],
    recipe: Mapping[str, Any],
    hashes: Mapping[str, str],
    adapter_base: str | None,
) -> str:
    """The card as Markdown under the Hub's YAML header: a model folder's README.md.

    Args:
        policy: The trained policy's name, ``ROUND/ARM``.
        record: ``reports/metrics.json``.
        settings: The sections ``bootstrap`` and ``harvest`` of its run.
        recipe: Recipe of its training (:class:`tasks.train.recipe.Recipe`).
        hashes: DVC's md5 of data and models, by path.
        adapter_base: See :func:`tasks.register.packing.adapter_base`.
    """
    from huggingface_hub import ModelCard, ModelCardData

    bootstrap = settings["bootstrap"]
    data = ModelCardData(
        language="en",
        license=LICENCES.get(bootstrap["kind"], "other"),
        base_model=(hub_id(bootstrap) or "").partition("@")[0] or None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["josh", "toolwoz", "tool-calling", recipe["method"]],
    )
    parts = [
        f"---\n{data.to_yaml()}\n---\n# {policy}",
        "A policy that calls tools, trained on its own dialogues (JOSH, arXiv 2409.04617).",
        f"## Scores on ToolWOZ\n\n{_scores(policy, record)}",
        f"## Rounds\n\n{_rounds(record['rounds'])}",
        f"## Loading\n\n{_loading(adapter_base)}",
        f"## Data\n\n{_table(('path', 'md5 (DVC)'), hashes.items())}",
        f"## Base\n\n{_values(bootstrap)}",
        f"## Harvest\n\n{_values(settings['harvest'])}",
        f"## Training\n\n{_values(recipe)}",
    ]
    return str(ModelCard("\n\n".join(parts) + "\n"))


def hub_id(bootstrap: Mapping[str, Any]) -> str | None:
    """``ORGANISATION/NAME@REVISION`` of the base, if it is an unchanged model of the Hub."""
    name = str(bootstrap["pretrained"])
    is_id = name.count("/") == 1 and not Path(name).exists()
    return name if bootstrap["kind"] == "pretrained" and is_id else None


def _loading(adapter_base: str | None) -> str:
    """How each library loads a version of the registry."""
    name, _, revision = (adapter_base or "").partition("@")
    base = '"policy/model/base"' if name == BASE else f'"{name}"'
    base += f', revision="{revision}"' if revision else ""
    lora = f"""
from peft import PeftModel  # the LoRA, on what it was trained on
model = AutoModelForCausalLM.from_pretrained({base})
model = PeftModel.from_pretrained(model, "policy/model/adapter")
"""
    return f"""A version is `models:/NAME@champion` in MLflow's registry; a copy of it in `policy`:

```bash
mlflow artifacts download --artifact-uri models:/NAME@champion --dst-path policy
vllm serve policy/model --enable-auto-tool-choice --tool-call-parser hermes
```

```python
import mlflow  # a pipeline of transformers: pipeline(messages, tools=tools)
pipeline = mlflow.transformers.load_model("models:/NAME@champion")

from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("policy/model")
{lora if adapter_base else ""}```

MLflow's own chat (`mlflow.pyfunc`, `mlflow models serve`) has no tools: it is for a look."""


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
