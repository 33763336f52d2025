"""The pipeline as its users run it: served, on a schedule, cancelled from the UI, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.helpers.http_server import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STAGE = """\
import os, time
from dataclasses import dataclass
from pathlib import Path
from flows import params, stage
from flows.server.runtime import flow, task

@dataclass(frozen=True)
class DemoConfig:
    seconds: float

params.SECTIONS = {"demo": "__main__:DemoConfig"}

@task
def work(seconds: float, name: str) -> None:
    Path("working").write_text(str(os.getpid()))
    time.sleep(seconds)
    Path(name).write_text("done")

@flow
def demo(config: DemoConfig, name: str) -> None:
    work(config.seconds, name)

stage.main(demo, items=["name"])
"""
GRAPH = """\
stages:
  one:
    cmd: python stage.py one
    deps: [stage.py]
    outs: [one]
  two:
    cmd: python stage.py two
    deps: [one]
    params: [demo]
    outs: [two]
"""
DEPLOYMENTS = """\
deployments:
  - name: minutely
    entrypoint: flows/pipeline.py:pipeline
    description: Everything.
    schedules: [{slug: minutely, cron: "* * * * *"}]
"""


@dataclass(frozen=True)
class Ui:
    """A running `python -m flows.tools.ui` and the API of its Prefect server."""

    process: subprocess.Popen[bytes]
    api: httpx.Client

    def runs(self, **where: Any) -> list[dict[str, Any]]:
        """Flow runs, newest first."""
        body = {"flow_runs": where, "sort": "EXPECTED_START_TIME_DESC"}
        return list(self.api.post("/flow_runs/filter", json=body).raise_for_status().json())


def wait_for(what: str, ask: Callable[[], Any], seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(0.5)
    pytest.fail(f"no {what} within {seconds} s")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    (root / "stage.py").write_text(STAGE)
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "prefect.yaml").write_text(DEPLOYMENTS)
    (root / "params.yaml").write_text("demo:\n  seconds: 0.1\n")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=root, check=True)
    return root


@pytest.fixture(scope="module")
def served(repository: Path) -> Iterator[Ui]:
    """`make ui`, every minute, on free ports, stopped with everything below it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "MLFLOW", "WOZ"))}
    port = free_port()
    options = [f"--prefect-port={port}", f"--mlflow-port={free_port()}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.tools.ui", *options],
        cwd=repository,
        env={**kept, "PREFECT_HOME": str(repository / ".prefect")},
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30) as api:
        yield Ui(process, api)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3  # Prefect, its worker, MLflow
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def _is_up(ui: Ui) -> bool:
    assert ui.process.poll() is None, "flows.tools.ui has ended"
    try:
        return ui.api.get("/health").is_success
    except httpx.TransportError:
        return False


def test_a_schedule_fires_and_the_run_shows_every_stage(served: Ui) -> None:
    wait_for("server", lambda: _is_up(served))
    settings = served.api.get(served.api.base_url.join("/ui-settings")).json()
    assert settings["api_url"] == str(served.api.base_url).rstrip("/"), "what its pages ask"
    wait_for("scheduled run", lambda: served.runs(state={"type": {"any_": ["SCHEDULED"]}}))
    (first, *_) = wait_for(
        "finished run",
        lambda: served.runs(
            state={"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}},
            parent_task_run_id={"is_null_": True},
        ),
    )
    assert (first["state"]["type"], first["auto_scheduled"]) == ("COMPLETED", True)
    where = {"flow_runs": {"id": {"any_": [first["id"]]}}}
    tasks = served.api.post("/task_runs/filter", json=where).json()
    stages = {task["name"]: task["state"]["name"] for task in tasks if task["name"] in "one two"}
    assert stages == {"one": "Ran", "two": "Ran"}
    below = served.runs(parent_flow_run_id={"any_": [first["id"]]})
    assert sorted(run["name"] for run in below) == ["one", "two"]  # each in a process of its own


def test_a_cancelled_run_leaves_no_process_and_the_next_goes_on(
    served: Ui, repository: Path
) -> None:
    (repository / "working").unlink()
    (repository / "params.yaml").write_text("demo:\n  seconds: 500\n")
    worker = int(wait_for("stage at work", lambda: _read(repository / "working")))
    running = served.runs(
        state={"type": {"any_": ["RUNNING"]}}, parent_task_run_id={"is_null_": True}
    )
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    served.api.post(f"/flow_runs/{running[0]['id']}/set_state", json=state).raise_for_status()
    wait_for("end of the stage", lambda: not psutil.pid_exists(worker), 60)
    wait_for(
        "cancelled state",
        lambda: (
            served.api.get(f"/flow_runs/{running[0]['id']}").json()["state_type"] == "CANCELLED"
        ),
        60,
    )
    (repository / "params.yaml").write_text("demo:\n  seconds: 0.2\n")
    wait_for("second stage, run again", lambda: (repository / "two").exists())


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
