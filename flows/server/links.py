"""Addresses of MLflow's pages, for links from Prefect's."""

from __future__ import annotations

import os

from services.mlflow.store import connect
from services.mlflow.tracking import KIND_TAG, PIPELINE_TAG

MLFLOW_UI = "WOZ_MLFLOW_UI"
"""Environment variable: address of MLflow's pages, if it is not that of `make ui`."""
DEFAULT_UI = "http://127.0.0.1:5000"


def run_url(run: str) -> str:
    """The page of an MLflow run."""
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    ui = os.environ.get(MLFLOW_UI) or (server if server.startswith("http") else DEFAULT_UI)
    return f"{ui.rstrip('/')}/#/experiments/{connect()}/runs/{run}"


def pipeline_run() -> str | None:
    """The MLflow run of this pipeline execution; None if no stage ran."""
    from prefect.runtime import flow_run

    where = f"tags.`{PIPELINE_TAG}` = '{flow_run.id}' and tags.`{KIND_TAG}` = 'pipeline'"
    return _newest(where)


def stage_run(stage: str) -> str | None:
    """The newest finished MLflow run of a stage."""
    return _newest(f"tags.`dvc.stage` = '{stage}' and attributes.status = 'FINISHED'")


def _newest(where: str) -> str | None:
    import mlflow

    experiment = connect()  # first: a client keeps the store it was made with
    found = mlflow.MlflowClient().search_runs([experiment], where, max_results=1)
    return str(found[0].info.run_id) if found else None
