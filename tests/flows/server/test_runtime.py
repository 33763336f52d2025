"""Without a Prefect server, flows and tasks are plain functions; children never outlive us."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from flows.server import runtime
from flows.tools import ui
from services.processes import reaped
from tests.helpers.http_server import free_port


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    runtime.is_tracked.cache_clear()
    yield
    runtime.is_tracked.cache_clear()


def test_nothing_is_tracked_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WOZ_PREFECT", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")

    @runtime.task
    def half(number: int) -> float:
        return number / 2

    @runtime.flow
    def quarter(number: int) -> float:
        return half(number) / 2

    assert quarter(4) == 1.0
    assert not runtime.is_tracked()
    assert quarter.__name__ == "quarter"


def test_an_unknown_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOZ_PREFECT", "yes")
    with pytest.raises(ValueError, match="WOZ_PREFECT=yes: expected auto, off or server"):
        runtime.is_tracked()


@pytest.mark.parametrize("end", ["", "/"])
def test_a_server_is_found_whether_its_address_ends_in_a_slash_or_not(end: str) -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert runtime.listens(f"http://127.0.0.1:{server.server_port}/api{end}")
        thread.join()


FAMILY = """\
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1:
    print(subprocess.Popen([sys.executable, __file__, 'child']).pid, flush=True)
time.sleep(600)
"""


def test_a_family_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    (tmp_path / "family.py").write_text(FAMILY)
    command = [sys.executable, str(tmp_path / "family.py")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    with pytest.raises(KeyboardInterrupt), reaped([parent], grace=0.5):
        raise KeyboardInterrupt
    assert parent.returncode == -signal.SIGKILL
    assert _is_gone(child)


def _is_gone(process: psutil.Process) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_a_port_in_use_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ui.ServerError) as refused:
            ui.serve(port, free_port())
    assert f"port {port} is in use" in str(refused.value)
    assert "PREFECT_PORT=" in str(refused.value)
    assert capsys.readouterr().out == ""  # nothing was started


def test_a_server_that_ends_is_shown_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = ui.start("demo", ["http.server", "no-port"], {})
    with pytest.raises(ui.ServerError, match=r"(?s)demo ended with 2:.*invalid int value"):
        ui.wait_until_healthy("demo", server, f"http://127.0.0.1:{free_port()}/health")
