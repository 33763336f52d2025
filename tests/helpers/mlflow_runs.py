"""The runs in the MLflow store of a test."""

from __future__ import annotations

from typing import Any

from services.mlflow import store


def runs() -> list[Any]:
    """All of the experiment, the first one first."""
    import mlflow

    experiment = store.connect()
    return list(mlflow.MlflowClient().search_runs([experiment], order_by=["start_time ASC"]))
