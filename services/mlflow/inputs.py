"""Inputs of an MLflow run: its params, and the data that it reads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

CONTEXT_TAG = "mlflow.data.context"
"""MLflow's own name."""
CONTEXTS = {"train": "training", "evaluate": "evaluation"}
"""Stage -> MLflow's name of the use of its data; for other stages it is the stage's name."""


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested configs as pairs of a dotted name, as ``train.seed``, and the value as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    elif name:
        yield name, str(value)


def log_params(client: MlflowClient, run_id: str, params: Mapping[str, str]) -> None:
    """Log any number of params."""
    from mlflow.entities import Param

    entries = [Param(key, value) for key, value in params.items()]
    for start in range(0, len(entries), 100):  # MLflow takes a hundred at a time
        client.log_batch(run_id, params=entries[start : start + 100])


def log_datasets(client: MlflowClient, run_id: str, stage: str, deps: Mapping[str, str]) -> None:
    """Log the data below data/ that the stage reads, by DVC's hash, as inputs of the run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    purpose = stage.partition("@")[0]
    context = InputTag(CONTEXT_TAG, CONTEXTS.get(purpose, purpose))
    data = {path: md5 for path, md5 in deps.items() if path.startswith("data/")}
    inputs = [
        DatasetInput(Dataset(path, md5, "local", json.dumps({"uri": path})), tags=[context])
        for path, md5 in data.items()
    ]
    if inputs:
        client.log_inputs(run_id, datasets=inputs)
