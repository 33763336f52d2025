"""Every stage leaves one MLflow run, whatever becomes of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from flows.tools import ui
from services.mlflow import provenance, tracking
from services.mlflow import store as mlflow_store
from services.processes import reaped
from tests.helpers.http_server import free_port
from tests.helpers.mlflow_runs import runs


@dataclass(frozen=True)
class Optimiser:
    lr: float


@dataclass(frozen=True)
class TrainConfig:
    seed: int
    optimiser: Optimiser


CONFIGS = {"train": TrainConfig(seed=3, optimiser=Optimiser(lr=0.1))}


def test_stages_of_one_pipeline_meet_under_one_parent(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WOZ_PIPELINE", "p1")
    with tracking.stage_run("train", CONFIGS, {"round": "r1", "prefect.flow_run": "f1"}):
        tracking.report({"loss": 0.5, "best_loss": None})  # not measured: no metric
    with tracking.stage_run("evaluate", {}):
        pass
    parent, train, evaluate = runs()
    assert [run.info.run_name for run in (train, evaluate)] == ["train", "evaluate"]
    assert {run.data.tags["mlflow.parentRunId"] for run in (train, evaluate)} == {
        parent.info.run_id
    }
    assert {run.info.status for run in (parent, train, evaluate)} == {"FINISHED"}
    assert train.data.params == {"train.seed": "3", "train.optimiser.lr": "0.1"}
    assert parent.data.params == train.data.params
    assert train.data.metrics == parent.data.metrics == {"loss": 0.5}
    assert (train.data.tags["round"], train.data.tags["prefect.flow_run"]) == ("r1", "f1")
    assert "round" not in parent.data.tags, "that is of one stage"
    assert parent.data.tags["prefect.flow_run"] == "f1"
    assert train.info.artifact_uri.startswith((mlflow_root / ".mlflow" / "artifacts").as_uri())


@pytest.mark.usefixtures("mlflow_root")
def test_policies_are_runs_below_the_stage_that_compare_by_the_same_names() -> None:
    import mlflow

    with tracking.stage_run("evaluate", {}) as stage:
        tracking.report_policy("base", {}, {"test.reward": 0.25})
        tracking.report_policy("kto", {"arm": CONFIGS["train"]}, {"test.reward": 0.5})
        assert mlflow.active_run().info.run_id == stage
    by_name = {run.info.run_name: run for run in runs()}
    assert set(by_name) == {"evaluate", "evaluate/base", "evaluate/kto"}
    base, trained = by_name["evaluate/base"], by_name["evaluate/kto"]
    assert (base.data.metrics, base.data.params) == ({"test.reward": 0.25}, {})
    assert trained.data.metrics == {"test.reward": 0.5}
    assert trained.data.params == {"arm.seed": "3", "arm.optimiser.lr": "0.1"}
    assert by_name["evaluate"].data.metrics == {}
    for run in (base, trained):
        assert run.data.tags["mlflow.parentRunId"] == stage
        assert run.info.status == "FINISHED"


@pytest.mark.usefixtures("mlflow_root")
def test_each_training_of_a_stage_has_a_run_with_params_of_its_own() -> None:
    import mlflow

    with tracking.stage_run("bootstrap", {}):
        for name, rate in (("pretraining", 0.1), ("finetuning", 0.2)):
            with tracking.part_run(name):
                mlflow.log_param("learning_rate", rate)
        tracking.report({"loss": 0.5})
        with pytest.raises(ValueError, match="diverged"), tracking.part_run("third"):
            raise ValueError("diverged")
    stage, *parts = runs()
    assert [run.info.run_name for run in parts] == [
        "bootstrap/pretraining",
        "bootstrap/finetuning",
        "bootstrap/third",
    ]
    rates = [run.data.params.get("learning_rate") for run in parts]
    assert (rates, stage.data.params) == (["0.1", "0.2", None], {})
    assert stage.data.metrics == {"loss": 0.5}
    assert {run.data.tags["mlflow.parentRunId"] for run in parts} == {stage.info.run_id}
    assert [run.info.status for run in (stage, *parts)] == [*["FINISHED"] * 3, "FAILED"]
    assert all(run.data.tags["process"] == stage.data.tags["process"] for run in parts)


def test_a_training_outside_a_stage_has_no_run() -> None:
    import mlflow

    with tracking.part_run("finetuning"):
        assert mlflow.active_run() is None


@pytest.mark.usefixtures("mlflow_root")
def test_a_failed_stage_is_a_failed_run_and_a_failed_pipeline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WOZ_PIPELINE", "p1")
    with pytest.raises(ValueError, match="no rows"), tracking.stage_run("train", CONFIGS):
        raise ValueError("no rows")
    assert [run.info.status for run in runs()] == ["FAILED", "FAILED"]


@pytest.mark.usefixtures("mlflow_root")
def test_an_interrupted_stage_is_a_killed_run_without_a_parent_outside_a_pipeline() -> None:
    with pytest.raises(KeyboardInterrupt), tracking.stage_run("train", CONFIGS):
        raise KeyboardInterrupt
    (run,) = runs()
    assert run.info.status == "KILLED"
    assert "mlflow.parentRunId" not in run.data.tags


@pytest.mark.usefixtures("mlflow_root")
def test_the_run_of_a_killed_process_is_ended_by_the_next_stage() -> None:
    import mlflow

    experiment = mlflow_store.connect()
    dead = f"{socket.gethostname()}:{os.getpid()}:1"  # this pid, but started in 1970
    client = mlflow.MlflowClient()
    killed = client.create_run(experiment, tags={tracking.PROCESS_TAG: dead})
    elsewhere = client.create_run(experiment, tags={tracking.PROCESS_TAG: "other-host:1:1"})
    with tracking.stage_run("train", CONFIGS):
        pass
    assert client.get_run(killed.info.run_id).info.status == "KILLED"
    assert client.get_run(elsewhere.info.run_id).info.status == "RUNNING"


@pytest.mark.usefixtures("mlflow_root")
def test_a_dvc_stage_carries_hashes_and_its_data_as_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], check=True)
    Path("data").mkdir()
    Path("data/in").write_text("in\n")
    Path("data/out").write_text("out\n")
    stage = "stages:\n  train:\n    cmd: 'true'\n    deps: [data/in]\n    outs: [data/out]\n"
    Path("dvc.yaml").write_text(stage)
    monkeypatch.setenv("DVC_STAGE", "train")
    with tracking.stage_run("train", CONFIGS):
        pass
    (run,) = runs()
    assert run.data.tags["dvc.dep.data/in"] == _md5("in\n")
    assert run.data.tags["dvc.out.data/out"] == _md5("out\n")
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("data/in", _md5("in\n"))
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "training")]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.slow
def test_a_fresh_store_survives_three_processes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code = "from services.mlflow.tracking import stage_run\nwith stage_run('race', {}): pass"
    command = [sys.executable, "-c", code]
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [racer.communicate()[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0], errors
    assert [(run.info.run_name, run.info.status) for run in runs()] == [("race", "FINISHED")] * 3


@pytest.mark.usefixtures("mlflow_root")
def test_a_dead_server_is_one_clear_error_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
    with (
        pytest.raises(tracking.TrackingError, match=f"no MLflow server at 127.0.0.1:{port}") as no,
        tracking.stage_run("train", CONFIGS),
    ):
        pass
    assert "secret" not in str(no.value)


@pytest.mark.parametrize("address", ["http://me:secret@127.0.0.1:1", "gopher://secret/models"])
@pytest.mark.usefixtures("mlflow_root")
def test_a_wrong_registry_is_found_in_the_first_stage(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", address)
    with (
        pytest.raises(tracking.TrackingError, match=r"unset MLFLOW_REG|MLFLOW_REG.*unset") as no,
        tracking.stage_run("fetch", CONFIGS),
    ):
        pass
    assert "secret" not in str(no.value)
    assert "\n" not in str(no.value)


@pytest.mark.parametrize(("switch", "measured"), [(None, True), ("false", False)])
@pytest.mark.usefixtures("mlflow_root")
def test_system_metrics_are_on_unless_mlflows_variable_switches_them_off(
    switch: str | None, measured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING")
    if switch:
        monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", switch)
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    with tracking.stage_run("train", {}):
        time.sleep(1)
    (run,) = runs()
    assert ("system/cpu_utilization_percentage" in run.data.metrics) is measured
    assert run.info.status == "FINISHED"


def test_the_commit_and_whether_the_code_differs_are_tags(mlflow_root: Path) -> None:
    _git("init", "-q")
    (mlflow_root / "params.yaml").write_text("a: 1\n")
    _git("add", "params.yaml")
    _git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "start")
    with tracking.stage_run("train", {}):
        pass
    (mlflow_root / "params.yaml").write_text("a: 2\n")
    with tracking.stage_run("train", {}):
        pass
    clean, dirty = (run.data.tags for run in runs())
    assert clean["git.commit"] == dirty["git.commit"] == _git("rev-parse", "HEAD")
    assert (clean["git.dirty"], dirty["git.dirty"]) == ("false", "true")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_and_its_artifact_store_are_taken_from_the_standard_variable(
    mlflow_root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server keeps is its own business: nothing is written into this repository."""
    place, port = tmp_path_factory.mktemp("server"), free_port()
    shutil.move(mlflow_root / ".mlflow" / "mlflow.db", place / "runs.db")
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{place}/runs.db"]
    artifacts = ["--artifacts-destination", str(place / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", *options, *store, *artifacts]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "elsewhere")
    server = subprocess.Popen(command, start_new_session=True)
    with reaped([server]):
        ui.wait_until_healthy("mlflow", server, f"http://127.0.0.1:{port}/health")
        with tracking.stage_run("train", CONFIGS):
            tracking.report({"loss": 0.5})
            (mlflow_root / "note.txt").write_text("kept")
            tracking.log_artifact(mlflow_root / "note.txt")
        (run,) = runs()
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 0.5})
    (kept,) = (place / "artifacts").rglob("note.txt")
    assert kept.read_text() == "kept"
    assert [path.name for path in (mlflow_root / ".mlflow").iterdir()] == ["lock"]


def test_a_process_is_dead_once_it_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = provenance.process_id(psutil.Process(child.pid))
    assert not provenance.is_dead(identity)
    child.communicate()
    assert provenance.is_dead(identity)


def test_the_pipeline_is_the_dvc_process_above(tmp_path: Path) -> None:
    (tmp_path / "dvc").write_text(
        "import subprocess, sys\n"
        "code = 'from services.mlflow.provenance import pipeline_id; print(pipeline_id())'\n"
        "for _ in range(2): subprocess.run([sys.executable, '-c', code], check=True)\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "WOZ_PIPELINE"}
    command = [sys.executable, str(tmp_path / "dvc")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, second = done.stdout.split()
    assert first == second != "None"
