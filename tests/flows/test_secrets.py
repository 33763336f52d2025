"""An endpoint's key reaches the endpoint, and nothing that a run leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tasks.recording import write_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
SECRET = "sk-planted-2f9c41d7"
ASKED = "arms/r1/start"
REFUSED = "arms/r1/trained/josh_sft"


@dataclass
class Server:
    """Where it is, and the models that were asked with the right key."""

    url: str
    asked: set[str] = field(default_factory=set)


@contextmanager
def guarded() -> Iterator[Server]:
    """An endpoint that needs the key, and quotes it when it refuses, as some vendors do."""
    server = Server("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            names = (ASKED, REFUSED, "user")
            self.answer(200, {"data": [{"id": name} for name in names]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] == f"Bearer {SECRET}":
                server.asked.add(body["model"])
            if body["model"] == REFUSED:
                self.answer(403, {"error": f"{self.headers['Authorization']} may not use it"})
                return
            message = {"role": "assistant", "content": "Which area would you like?"}
            self.answer(200, {"choices": [{"message": message, "finish_reason": "stop"}]})

        def answer(self, status: int, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}/v1"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def write_params(url: str) -> None:
    """The repository's params, smaller, with an endpoint for the agent and for the user."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    asked = {"api_key_env": "PLANTED_KEY"}
    params["engine"] |= {"backend": "endpoint", "urls": [url], **asked}
    user = {"url": url, "model": "user", **asked}
    params["dialogue"] |= {"max_messages": 6, "user": "goal"}
    params["dialogue"]["user_model"] |= user
    params["harvest"]["scenarios"] = 2
    for search in params["harvest"]["searches"].values():
        search |= {"beam": 2, "turns": 2}
    params["train"]["arms"] = {"josh_sft": params["train"]["arms"]["josh_sft"]}
    params["evaluate"]["scenarios"] = {"val": 1, "test": 1}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def run(stage: str) -> str:
    """One stage as DVC runs it; what it said."""
    environment = {**os.environ, "PLANTED_KEY": SECRET, "WOZ_PREFECT": "off"}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-m", f"flows.{stage}", "r1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_key_is_in_nothing_that_harvest_and_evaluate_leave_behind(mlflow_root: Path) -> None:
    write_corpus(mlflow_root / "data").rename(mlflow_root / "data" / "toolwoz")
    with guarded() as server:
        write_params(server.url)
        said = run("harvest") + run("evaluate")
    assert server.asked == {ASKED, REFUSED, "user"}
    files = [path for path in mlflow_root.rglob("*") if path.is_file()]
    by_name = {path.name: path.read_bytes() for path in files}
    left = {"josh.jsonl", "r1.json", "harvest@r1.log", "evaluate@r1.log", "mlflow.db"}
    assert left <= set(by_name)
    assert b"PLANTED_KEY" in by_name["mlflow.db"]  # its name is a param
    refused = mlflow_root / "reports/evaluation/r1/test/josh_sft/results.jsonl"
    assert "*** may not use it" in refused.read_text()  # the vendor's quote was kept, without it
    assert SECRET not in said
    assert "MLflow did not take" not in said
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
