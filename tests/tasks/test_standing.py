"""How far a search is can be followed in MLflow, by steps, and by whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.engines.metered import Metered
from services.mlflow import store as mlflow_store
from services.mlflow import tracking
from tasks.harvest import progress as standing
from tests.josh.grown import grown
from tests.tasks.recording import RECORDING, job, whole_harvest, write_corpus


async def silent(*_: object, **__: object) -> None:
    """A policy whose context is full."""


def test_a_recorded_harvest_is_told_of_dialogue_by_dialogue(mlflow_root: Path) -> None:
    import mlflow

    told = []
    corpus = write_corpus(mlflow_root)
    with tracking.stage_run("harvest", {}) as run:
        found = whole_harvest(
            job(corpus, RECORDING, mlflow_root),
            mlflow_root / "trees",
            lambda *news: told.append(news),
        )["josh"]
    assert [(name, share) for name, share, _ in told] == [
        ("josh", pytest.approx(done / 3)) for done in (1, 2, 3)
    ]
    assert told[-1][2] == (
        f"josh: 3 of 3 dialogues, {found.golden} golden, mean reward {found.reward:.2f}, 0 faults"
    )
    mlflow_store.connect()
    history = mlflow.MlflowClient().get_metric_history(run, "progress.josh.reward")
    assert [point.step for point in history] == [1, 2, 3]
    assert history[-1].value == pytest.approx(found.reward)
    assert found.reward > 0


@pytest.mark.usefixtures("mlflow_root")
def test_outside_a_run_nothing_is_logged_and_no_run_is_opened() -> None:
    import mlflow

    standing.Standing("josh", 1, Metered(silent)).count(grown({"0": ["+a"]}))
    assert mlflow.active_run() is None
    experiment = mlflow_store.connect()  # first: a client keeps the store it was made with
    assert mlflow.MlflowClient().search_runs([experiment]) == []


def test_a_large_search_is_told_of_twenty_times() -> None:
    told: list[float] = []
    one = standing.Standing(
        "josh", 1000, Metered(silent), lambda _name, share, _line: told.append(share)
    )
    tree = grown({"0": ["+a"]})
    for _ in range(1000):
        one.count(tree)
    assert told == [pytest.approx(number / 20) for number in range(1, 21)]
