"""A training goes on when MLflow dies under it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from transformers import TrainerCallback

from services.mlflow import store as mlflow_store
from tasks.train.logs.curves import Curves, outlive_mlflow
from tests.helpers.http_server import free_port
from tests.tasks.train.logs.line import trainer


class Death(TrainerCallback):
    """Takes MLflow's server away in the third step."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch

    def on_step_begin(self, _args: object, state: object, _control: object, **_: object) -> None:
        if state.global_step == 2:  # type: ignore[attr-defined]
            self.patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")


def test_a_training_outlives_mlflow(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import mlflow

    experiment = mlflow_store.connect()
    training = trainer(mlflow_root / "work", "mlflow")
    outlive_mlflow(training)
    training.add_callback(Death(monkeypatch))
    with caplog.at_level(logging.WARNING), mlflow.start_run(experiment_id=experiment) as run:
        assert training.train().global_step == 5
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert len([m for m in caplog.messages if "MLflow did not take the training's" in m]) == 1
    losses = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert [loss.step for loss in losses] == [1, 2]
    assert "learning_rate" in mlflow.get_run(run.info.run_id).data.params


def test_a_training_that_logs_nowhere_stays_so(tmp_path: Path) -> None:
    training = trainer(tmp_path, "none")
    outlive_mlflow(training)
    assert not any(isinstance(one, Curves) for one in training.callback_handler.callbacks)


def test_weights_and_biases_is_logged_to_beside_mlflow(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    import mlflow

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(mlflow_root))
    experiment = mlflow_store.connect()
    training = trainer(mlflow_root / "work", ["mlflow", "wandb"])
    outlive_mlflow(training)
    with mlflow.start_run(experiment_id=experiment) as run:
        training.train()
    assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")) == 5
    assert list(mlflow_root.glob("wandb/offline-run-*/*.wandb"))
