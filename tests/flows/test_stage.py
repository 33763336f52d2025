"""How a stage ends: its exit status, its one line, its log, its MLflow run."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows import params, stage
from services.mlflow import store as mlflow_store
from services.mlflow import tracking
from services.mlflow.traces import trace_dialogues
from tests.helpers.http_server import free_port
from toolwoz.evaluation.runs.result import Result


@dataclass(frozen=True)
class DemoConfig:
    text: str


@pytest.fixture
def workspace(mlflow_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository with the section `demo`; logging and signals are put back after the test."""
    (mlflow_root / "params.yaml").write_text("demo:\n  text: hello\n")
    monkeypatch.setattr(params, "SECTIONS", {"demo": "unused:DemoConfig"})
    monkeypatch.setattr(params, "_dataclass_of", lambda section: {"demo": DemoConfig}[section])
    monkeypatch.setenv("WOZ_PREFECT", "off")
    root, handler = logging.getLogger(), signal.getsignal(signal.SIGTERM)
    handlers, level = root.handlers[:], root.level
    yield mlflow_root
    root.handlers[:] = handlers
    root.setLevel(level)
    signal.signal(signal.SIGTERM, handler)


def run(demo: Any) -> int:
    demo.__name__ = "demo"
    return stage.run(demo, ("demo",), {})


def last_run() -> Any:
    import mlflow

    experiment = mlflow_store.connect()
    (found,) = mlflow.MlflowClient().search_runs([experiment])
    return found


def test_a_stage_gets_its_section_and_keeps_its_log(workspace: Path) -> None:
    def demo(config: DemoConfig) -> None:
        logging.getLogger("tasks.demo").info("said %s", config.text)

    assert run(demo) == 0
    assert "said hello" in (workspace / "logs/demo.log").read_text()
    import mlflow

    kept = mlflow.artifacts.download_artifacts(run_id=last_run().info.run_id, dst_path="back")
    assert "said hello" in (Path(kept) / "demo.log").read_text()
    assert last_run().data.params == {"demo.text": "hello"}


@pytest.mark.parametrize("kind", [ValueError, OSError, RuntimeError, ImportError])
def test_a_fault_is_one_line_and_its_traceback_is_in_the_log(
    kind: type[Exception], workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = "data/raw/db.json, line 3: not JSON; fetch it again"

    def demo(_config: DemoConfig) -> None:
        raise kind(fault)

    assert run(demo) == 1
    assert capsys.readouterr().err == f"demo: {fault} (more in logs/demo.log)\n"
    assert "Traceback" in (workspace / "logs/demo.log").read_text()
    assert last_run().info.status == "FAILED"


@pytest.mark.usefixtures("workspace")
def test_a_bug_is_not_hidden() -> None:
    def demo(_config: DemoConfig) -> None:
        raise KeyError("golden_leaf")

    with pytest.raises(KeyError, match="golden_leaf"):
        run(demo)
    assert last_run().info.status == "FAILED"


@pytest.mark.usefixtures("workspace")
def test_a_full_disk_is_said_to_be_full(capsys: pytest.CaptureFixture[str]) -> None:
    def demo(_config: DemoConfig) -> None:
        with Path("/dev/full").open("w") as file:
            file.write("x")

    assert run(demo) == 1
    assert "no space left on the disk" in capsys.readouterr().err


def spoil_the_file(_patch: pytest.MonkeyPatch) -> None:
    for name in ("mlflow.db", "mlflow.db-wal"):
        if (file := Path(".mlflow", name)).exists():
            file.write_bytes(b"no database" * 1000)


def lose_the_server(patch: pytest.MonkeyPatch) -> None:
    import mlflow

    server = f"http://127.0.0.1:{free_port()}"
    patch.setenv("MLFLOW_TRACKING_URI", server)
    mlflow.set_tracking_uri(server)


@pytest.mark.parametrize("break_mlflow", [spoil_the_file, lose_the_server])
@pytest.mark.timeout(600)
def test_what_a_stage_has_made_outlives_mlflow(
    break_mlflow: Callable[[pytest.MonkeyPatch], None],
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def demo(_config: DemoConfig) -> None:
        break_mlflow(monkeypatch)
        Path("made").write_text("in hours")
        tracking.report({"reward": 0.5})
        trace_dialogues([Result("s1", 0, ("g1",), ("g1",), ())], "base", "test", most=1)

    assert run(demo) == 0
    assert (workspace / "made").read_text() == "in hours"
    said = capsys.readouterr().err
    missing = (
        "the metrics",
        "the traces of base",
        "logs/demo.log",
        "the end of this run (FINISHED)",
    )
    for what in missing:
        assert f"MLflow did not take {what}: " in said
    assert "Traceback" not in said


def test_bad_params_stop_a_stage_before_it_leaves_a_run(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "params.yaml").write_text("demo:\n  txt: hello\n")
    assert run(lambda _config: None) == 1
    message = capsys.readouterr().err
    assert "params.yaml: unknown key demo.txt; known: text" in message
    assert "Traceback" not in message


SCRIPT = """\
import sys, time
from dataclasses import dataclass
from flows import params, stage
from flows.server.runtime import flow, task

@dataclass(frozen=True)
class DemoConfig:
    text: str

params.SECTIONS = {"demo": "__main__:DemoConfig"}

@task
def work() -> None:
    print("working", "prefect" in sys.modules, flush=True)
    time.sleep(60)

@flow
def demo(config: DemoConfig) -> None:
    try:
        work()
    finally:
        print("cleaned up", flush=True)

stage.main(demo)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "status", "last_line"),
    [
        (signal.SIGINT, 130, "demo: interrupted; the same command goes on from here\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
def test_an_interrupted_stage_cleans_up_and_is_quiet(
    workspace: Path, sent: signal.Signals, status: int, last_line: str
) -> None:
    (workspace / "demo.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "demo.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working False\n"  # no server: Prefect is not imported
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (status, "cleaned up\n", last_line)
    assert last_run().info.status == "KILLED"
