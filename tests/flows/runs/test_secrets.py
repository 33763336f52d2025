"""An endpoint's key reaches the endpoint, and nothing that a run leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.helpers.http_server import Reply, Request, answering
from tests.helpers.recording import write_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[3]
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

    def respond(request: Request) -> Reply:
        if request.body is None:
            return Reply({"data": [{"id": name} for name in (ASKED, REFUSED, "user")]})
        key, model = request.headers["Authorization"], request.body["model"]
        if key == f"Bearer {SECRET}":
            server.asked.add(model)
        if model == REFUSED:
            return Reply({"error": f"{key} may not use it"}, 403)
        message = {"role": "assistant", "content": "Which area would you like?"}
        return Reply({"choices": [{"message": message, "finish_reason": "stop"}]})

    with answering(respond) as address:
        server.url = f"{address}/v1"
        yield server


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
    # one of the models is refused in every dialogue, and what is left of that is looked at
    params["evaluate"] |= {"scenarios": {"val": 1, "test": 1}, "max_faults": 1.0}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def run(stage: str) -> str:
    """One stage as DVC runs it; what it said."""
    environment = {**os.environ, "PLANTED_KEY": SECRET, "WOZ_PREFECT": "off"}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-m", f"flows.stages.{stage}", "r1"],
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
