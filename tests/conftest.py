"""A private MLflow store for each test, copied from one that is migrated once; a tiny model."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from services.mlflow import store as mlflow_store

settings.register_profile("no deadline", deadline=None)  # the machine may be busy
settings.load_profile("no deadline")


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


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tasks.bootstrap.embedded import build_model, build_tokenizer
    from tests.helpers.tiny import TINY

    folder = tmp_path_factory.mktemp("tiny")
    rng = random.Random(0)
    words = ["hotel", "cheap", "north", "train", "book", "seven", "please", "thanks"]
    tokenizer = build_tokenizer((" ".join(rng.choices(words, k=9)) for _ in range(200)), TINY)
    build_model(TINY, tokenizer, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
