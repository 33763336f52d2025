"""A private MLflow store for each test, copied from one that is migrated once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.mlflow import store as mlflow_store


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        mlflow_store.tracking_uri()
    return root / ".mlflow" / "mlflow.db"


@pytest.fixture
def mlflow_root(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository root with an empty MLflow store, outside any pipeline."""
    (tmp_path / ".mlflow").mkdir()
    shutil.copy(migrated_store, tmp_path / ".mlflow" / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WOZ_PIPELINE", "DVC_STAGE"):
        monkeypatch.setenv(name, "")  # so that what MLflow sets (it exports its URI) is undone
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")  # only what a test logs
    return tmp_path
