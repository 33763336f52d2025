"""What else an environment says to MLflow: obeyed, of no effect on a stage's run, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import TrainerCallback

from services.mlflow import store, tracking, variables
from tasks.train.logs.curves import outlive_mlflow
from tasks.train.recipe import Recipe
from tasks.train.trainers import arguments
from tests.helpers.mlflow_runs import runs
from tests.tasks.train.logs.line import trainer

STAGES = ("fetch", "convert")


def new_run() -> str:
    import mlflow

    experiment = store.connect()
    return str(mlflow.MlflowClient().create_run(experiment, run_name="mine").info.run_id)


@pytest.mark.parametrize("name", variables.JOINING)
@pytest.mark.usefixtures("mlflow_root")
def test_every_stage_has_a_run_of_its_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = new_run()
    for stage in STAGES:
        monkeypatch.setenv(name, mine if name == "MLFLOW_RUN_ID" else "1")
        with tracking.stage_run(stage, {"seed": stage}):
            pass
    found = {run.info.run_name: run for run in runs()}
    assert set(found) == {"mine", *STAGES}
    assert found["mine"].data.params == {}
    assert {found[stage].info.status for stage in STAGES} == {"FINISHED"}


OPTIONS = {
    "MLFLOW_RUN_ID": "0123456789abcdef0123456789abcdef",
    "MLFLOW_NESTED_RUN": "TRUE",
    "MLFLOW_FLATTEN_PARAMS": "TRUE",
    "MLFLOW_MAX_LOG_PARAMS": "3",
    "MLFLOW_TAGS": json.dumps({"owner": "me"}),
    "MLFLOW_EXPERIMENT_NAME": "elsewhere",
    "WANDB_PROJECT": "elsewhere",
    "WANDB_DISABLED": "true",
    "WANDB_MODE": "offline",
    "WANDB_LOG_MODEL": "checkpoint",
}


class Failing(TrainerCallback):
    def on_step_end(self, *_args: object, **_: object) -> None:
        raise ValueError("diverged")


@pytest.mark.parametrize("fails", [False, True], ids=["ends", "fails"])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_training_logs_to_the_run_of_its_stage(
    name: str, fails: bool, mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, OPTIONS[name])
    try:
        with tracking.stage_run("train", {}):
            training = trainer(mlflow_root / "work", "mlflow")
            outlive_mlflow(training)
            if fails:
                training.add_callback(Failing())
            training.train()
    except ValueError:
        assert fails
    (run,) = runs()
    assert run.info.status == ("FAILED" if fails else "FINISHED")
    assert run.data.params
    assert name != "MLFLOW_MAX_LOG_PARAMS" or len(run.data.params) == 3
    assert ("loss" in run.data.metrics) is not fails
    assert name != "MLFLOW_TAGS" or run.data.tags["owner"] == "me"


@pytest.mark.parametrize("switch", ["", "TRUE"])
def test_a_training_without_mlflow_has_no_curves(
    switch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", switch)
    options = {"report_to": "mlflow", "use_cpu": True, "bf16": False}
    args = arguments(Recipe("sft", "x", options, {}), tmp_path, 0, watched=False)
    assert args.report_to == ([] if switch else ["mlflow"])


@pytest.mark.usefixtures("mlflow_root")
def test_an_experiment_is_chosen_by_its_name_or_else_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import mlflow

    default = store.connect()
    other = mlflow.create_experiment("other")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", other)
    assert store.connect() == other
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "third")
    assert store.connect() not in (default, other)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    assert store.connect() == default


UNUSABLE = {
    "MLFLOW_EXPERIMENT_ID": "4711",
    "MLFLOW_TAGS": "owner=me",
    "MLFLOW_TRACKING_URI": "http://",
}
ADDRESSES = (
    "nonsense://x",
    "./mlruns",
    "postgresql://127.0.0.1:9/runs",
    "http://127.0.0.1:99999",
    "http://[::1",
    "http://127.0.0.1:9",
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *UNUSABLE.items(),
        ("MLFLOW_TAGS", '["owner"]'),
        *(("MLFLOW_TRACKING_URI", address) for address in ADDRESSES),
        ("MLFLOW_REGISTRY_URI", ADDRESSES[-1]),
    ],
)
@pytest.mark.usefixtures("mlflow_root")
def test_what_cannot_be_used_is_said_in_a_line_before_the_stage_begins(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises((tracking.TrackingError, ValueError)) as said:
        tracking.stage_run("train", {}).__enter__()
    assert len(str(said.value).splitlines()) == 1
