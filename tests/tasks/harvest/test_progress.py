"""How far a search is can be followed in MLflow, by steps, and by whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialogue.progress import Progress
from services.mlflow import store as mlflow_store
from services.mlflow import tracking
from tests.helpers.recording import RECORDING, job, whole_harvest, write_corpus


def test_a_recorded_harvest_is_told_of_dialogue_by_dialogue(mlflow_root: Path) -> None:
    import mlflow

    told: list[tuple[str, float]] = []
    lines: list[str] = []

    def listen(progress: Progress) -> None:
        told.append((progress.label, progress.share))
        lines.append(str(progress))

    corpus = write_corpus(mlflow_root)
    with tracking.stage_run("harvest", {}) as run:
        found = whole_harvest(
            job(corpus, RECORDING, mlflow_root),
            mlflow_root / "trees",
            [tracking.report_progress, listen],
        )["josh"]
    assert told == [("josh", pytest.approx(done / 3)) for done in (1, 2, 3)]
    assert lines[-1] == (f"josh: 3 of 3, golden {found.golden / 3:.3f}, reward {found.reward:.3f}")
    mlflow_store.connect()
    history = mlflow.MlflowClient().get_metric_history(run, "progress.josh.reward")
    assert [point.step for point in history] == [1, 2, 3]
    assert history[-1].value == pytest.approx(found.reward)
    assert found.reward > 0


@pytest.mark.usefixtures("mlflow_root")
def test_outside_a_run_nothing_is_logged_and_no_run_is_opened() -> None:
    import mlflow

    tracking.report_progress(Progress("josh", 1))
    assert mlflow.active_run() is None
    experiment = mlflow_store.connect()  # first: a client keeps the store it was made with
    assert mlflow.MlflowClient().search_runs([experiment]) == []
