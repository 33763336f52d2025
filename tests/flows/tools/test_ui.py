"""The servers of `make ui` answer programs of this machine and their own pages alone."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows.tools import browser, ui
from services.processes import reaped
from tests.helpers.http_server import Reply, answering, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
"""What a page may send anywhere without asking first."""
ELSEWHERE = "https://elsewhere.org"
OTHER_PORT = "http://127.0.0.1:1"
"""Another server of this machine."""
FLOWS = ("POST", "/api/flows/filter")
RUNS = ("POST", "/api/2.0/mlflow/experiments/search")


@contextmanager
def started(command: list[str], health: str, environment: Mapping[str, str]) -> Iterator[None]:
    process = ui.start(
        command[0], command, {"PYTHONPATH": str(Path(ui.__file__).parents[2]), **environment}
    )
    with reaped([process]):
        ui.wait_until_healthy(command[0], process, health)
        yield


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("ui")
    with pytest.MonkeyPatch.context() as patch:
        (root / ".mlflow").mkdir()
        shutil.copy(migrated_store, root / ".mlflow" / "mlflow.db")
        patch.chdir(root)
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        for name in ("DVC_ROOT", "PREFECT_HOME"):
            patch.setenv(name, str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield root


@pytest.fixture(scope="module")
def prefect() -> Iterator[int]:
    port = free_port()
    with started(
        ui.prefect_command(port), f"http://{ui.HOST}:{port}/api/health", ui.prefect_settings(port)
    ):
        yield port


@pytest.fixture(scope="module")
def mlflow() -> Iterator[int]:
    port = free_port()
    with started(ui.mlflow_command(port), f"http://{ui.HOST}:{port}/health", {}):
        yield port


def asked(
    port: int, method: str, path: str, headers: Mapping[str, str], body: Any = None
) -> http.client.HTTPResponse:
    """The response to a request with exactly these headers; {port} in one is the server's."""
    connection = http.client.HTTPConnection(ui.HOST, port, timeout=120)
    sent = {"Host": f"{ui.HOST}:{port}", **headers}
    sent = {name: value.replace("{port}", str(port)) for name, value in sent.items()}
    connection.request(method, path, json.dumps(body or {}) if method == "POST" else None, sent)
    response = connection.getresponse()
    response.read()
    return response


UPGRADE = {
    **{"Connection": "Upgrade", "Upgrade": "websocket"},
    **{"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="},
}


@pytest.mark.parametrize(
    ("request_", "headers", "status"),
    [
        (FLOWS, JSON, 200),
        (FLOWS, {**JSON, "Origin": "http://127.0.0.1:{port}"}, 200),
        (FLOWS, {**JSON, "Origin": "http://localhost:{port}", "Sec-Fetch-Site": "cross-site"}, 200),
        (FLOWS, {**JSON, "Host": "localhost:{port}"}, 200),
        (FLOWS, {**JSON, "Origin": ELSEWHERE}, 403),
        (FLOWS, {**JSON, "Origin": "null"}, 403),
        (FLOWS, {**JSON, "Origin": OTHER_PORT}, 403),
        (FLOWS, {**JSON, "Origin": "https://127.0.0.1:{port}"}, 403),
        (FLOWS, {**TEXT, "Origin": ELSEWHERE}, 403),
        (FLOWS, {**TEXT, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        (FLOWS, {**TEXT, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        (FLOWS, {**JSON, "Host": "elsewhere.org:{port}"}, 403),
        (FLOWS, {**JSON, "Host": "elsewhere.org"}, 403),
        (FLOWS, {**JSON, "Host": "127.0.0.1.elsewhere.org:{port}"}, 403),
        (("GET", "/api/health"), {}, 200),
        (("GET", "/api/health"), {"Origin": ELSEWHERE}, 403),
        (("GET", "/api/health"), {"Host": "elsewhere.org"}, 403),
        (
            ("GET", "/api/health"),
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
            403,
        ),
        (("GET", "/"), {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        (("GET", "/"), {"Host": "elsewhere.org"}, 403),
        (
            ("OPTIONS", FLOWS[1]),
            {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"},
            403,
        ),
        (("DELETE", "/api/flows/x"), {"Origin": ELSEWHERE}, 403),
        (("GET", "/api/events/in"), UPGRADE, 101),
        (("GET", "/api/events/in"), {**UPGRADE, "Origin": ELSEWHERE}, 403),
        (("GET", "/api/events/in"), {**UPGRADE, "Host": "elsewhere.org"}, 403),
    ],
)
def test_prefect_answers_its_own(
    prefect: int, request_: tuple[str, str], headers: Mapping[str, str], status: int
) -> None:
    assert asked(prefect, *request_, headers).status == status


@pytest.mark.parametrize(
    ("request_", "headers", "status"),
    [
        (RUNS, JSON, 200),
        (RUNS, {**JSON, "Origin": "http://127.0.0.1:{port}"}, 200),
        (RUNS, {**JSON, "Host": "localhost:{port}"}, 200),
        (RUNS, {**JSON, "Origin": ELSEWHERE}, 403),
        (RUNS, {**JSON, "Origin": "null"}, 403),
        (RUNS, {**JSON, "Origin": OTHER_PORT}, 403),
        (RUNS, {**TEXT, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        (RUNS, {**TEXT, "Origin": ELSEWHERE}, 403),
        (RUNS, {**JSON, "Host": "elsewhere.org:{port}"}, 403),
        (RUNS, {**JSON, "Host": "192.168.0.1:{port}"}, 403),
        (("GET", "/"), {}, 200),
        (("GET", "/"), {"Host": "elsewhere.org"}, 403),
        (("OPTIONS", RUNS[1]), {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}, 403),
    ],
)
def test_mlflow_answers_its_own(
    mlflow: int, request_: tuple[str, str], headers: Mapping[str, str], status: int
) -> None:
    assert asked(mlflow, *request_, headers, {"max_results": 1}).status == status


def test_mlflow_lets_no_page_elsewhere_read(mlflow: int) -> None:
    path = f"{RUNS[1]}?max_results=1"
    for origin in (ELSEWHERE, "null", OTHER_PORT, "http://localhost"):
        response = asked(mlflow, "GET", path, {"Origin": origin})
        assert response.getheader("Access-Control-Allow-Origin") is None
        assert response.status == 403


RUN = """
from prefect import flow, get_client
@flow
def ours() -> int:
    return 1
ours()
with get_client(sync_client=True) as client:
    print([run.state_name for run in client.read_flow_runs()])
"""


def test_a_run_of_this_machine_is_recorded(prefect: int) -> None:
    api = {"PREFECT_API_URL": f"http://{ui.HOST}:{prefect}/api"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], env={**os.environ, **api}, capture_output=True, text=True
    )
    assert done.stdout == "['Completed']\n", done.stderr[-2000:]


TRY = """(async () => {
  const found = [];
  const named = (name) => JSON.stringify({ name });
  const asks = [
    ["PREFECT/api/flows/", { body: named("intruder") }],
    ["PREFECT/api/flows/filter", { body: "{}", headers: { "Content-Type": "application/json" } }],
    ["PREFECT/api/health", { method: "GET" }],
    ["MLFLOW/api/2.0/mlflow/experiments/create", { body: named("intruder") }],
    ["MLFLOW/api/2.0/mlflow/experiments/search?max_results=1", { method: "GET" }],
  ];
  for (const [url, options] of asks) {
    for (const mode of ["cors", "no-cors"]) {
      try {
        const answer = await fetch(url, { method: "POST", mode, ...options });
        if (answer.type !== "opaque") found.push(`${url} ${await answer.text()}`);
      } catch { }
    }
  }
  await new Promise((done) => {
    const socket = new WebSocket("PREFECT/api/events/in".replace("http", "ws"));
    socket.onopen = () => { found.push("a websocket"); done(); };
    socket.onerror = done;
  });
  return found;
})()"""


@pytest.mark.skipif(browser.program() is None, reason="no Chromium is installed")
def test_a_page_of_another_origin_gets_and_changes_nothing(prefect: int, mlflow: int) -> None:
    servers = {"PREFECT": prefect, "MLFLOW": mlflow}
    page = Reply("<!doctype html><p>a page of another site", headers={"Content-Type": "text/html"})
    resolves = "--host-resolver-rules=MAP elsewhere.test 127.0.0.1"
    with (
        answering(lambda _: page) as other,
        browser.page(str(browser.program()), resolves) as tab,
    ):
        script = TRY
        for name, port in servers.items():
            script = script.replace(name, f"http://{ui.HOST}:{port}")
        tab.open(other.replace(ui.HOST, "elsewhere.test"), 800, 600)
        assert tab.says(("a page of another site",), 60)
        assert tab.resolve(script) == []
        for port in servers.values():  # its name now points to the server
            tab.open(f"http://elsewhere.test:{port}/", 800, 600)
            assert tab.says(("only for pages of this server",), 5)
        asked_json(prefect, "POST", "/api/flows/", {"name": "a flow of ours"})
        tab.open(f"http://{ui.HOST}:{prefect}/flows", 1200, 900)
        assert tab.says(("a flow of ours",), 120)
        tab.open(f"http://{ui.HOST}:{mlflow}/", 1200, 900)
        assert tab.says(("Experiments",), 120)
    flows = asked_json(prefect, *FLOWS)
    experiments = asked_json(mlflow, *RUNS, {"max_results": 99})["experiments"]
    assert "intruder" not in [one["name"] for one in (*flows, *experiments)]


def asked_json(port: int, method: str, path: str, body: Any = None) -> Any:
    connection = http.client.HTTPConnection(ui.HOST, port, timeout=120)
    connection.request(method, path, json.dumps(body or {}), JSON)
    return json.loads(connection.getresponse().read())
