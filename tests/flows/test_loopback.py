"""No proxy of the environment stands between us and a server here, whoever's client asks."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest

from dialogue.endpoints.proxies import bypass_loopback
from flows import deploy, pipeline
from flows.server import runtime
from services.engines.endpoint import offered
from services.mlflow.store import tracking_uri
from tests.helpers.http_server import Reply, Request, answering, free_port

DEAD = f"http://127.0.0.1:{free_port()}"
SOCKS = "socks5://127.0.0.1:9"
ENVIRONMENTS = {
    "none": {},
    "a company's": {"http_proxy": DEAD, "https_proxy": DEAD},
    "in capitals": {"HTTP_PROXY": DEAD, "HTTPS_PROXY": DEAD},
    "with exceptions": {"http_proxy": DEAD, "NO_PROXY": "intern.example, .corp"},
    "with one of these": {"all_proxy": DEAD, "no_proxy": "localhost"},
    "for nobody": {"http_proxy": DEAD, "no_proxy": "*"},
    "socks": {"ALL_PROXY": SOCKS},
}
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
BODY = {"experiment": {"experiment_id": "7", "name": "x"}, "data": [{"id": "m"}]}


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *map(str.upper, NAMES)):
        monkeypatch.setenv(name, "")  # so that what is set here is undone
        monkeypatch.delenv(name)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


def ask_endpoint(url: str) -> None:
    assert offered(f"{url}/v1") == ["m"]


def ask_mlflow(url: str) -> None:
    import mlflow

    os.environ["MLFLOW_TRACKING_URI"] = url
    found = mlflow.MlflowClient(tracking_uri()).get_experiment("7")
    assert found.name == "x"


def ask_prefect(url: str) -> None:
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    os.environ.update({runtime.PREFECT: "auto", "PREFECT_API_URL": f"{url}/api"})
    runtime.is_tracked.cache_clear()
    assert runtime.is_tracked()
    with temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        assert get_client(sync_client=True).api_healthcheck() is None


@pytest.mark.parametrize("ask", [ask_endpoint, ask_mlflow, ask_prefect])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_server_here_is_asked_directly(
    environment: str, ask: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_URI", runtime.PREFECT, "PREFECT_API_URL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    if environment == "socks" and ask is ask_prefect and not find_spec("socksio"):
        pytest.skip("httpx has no SOCKS: see the next test")
    asked: list[str] = []

    def respond(request: Request) -> Reply:
        asked.append(request.path)
        return Reply(BODY)

    for name, value in ENVIRONMENTS[environment].items():
        monkeypatch.setenv(name, value)
    with answering(respond) as url:
        assert callable(ask)
        ask(url)
    assert asked
    runtime.is_tracked.cache_clear()


@pytest.mark.skipif(find_spec("socksio") is not None, reason="httpx has SOCKS")
@pytest.mark.parametrize("module", [deploy, pipeline])
def test_a_proxy_that_prefect_cannot_use_is_one_line(
    module: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALL_PROXY", SOCKS)
    monkeypatch.setattr(sys, "argv", ["program"])
    with answering(lambda _: Reply(BODY)) as url:
        monkeypatch.setenv("PREFECT_API_URL", f"{url}/api")
        assert module.main() == 1  # type: ignore[attr-defined]
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be used" in line


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, None),
        ({"NO_PROXY": "a"}, "a"),
        ({"http_proxy": DEAD}, "localhost,127.0.0.1,::1"),
        ({"http_proxy": DEAD, "NO_PROXY": "a, b"}, "a,b,localhost,127.0.0.1,::1"),
        ({"http_proxy": DEAD, "no_proxy": "a", "NO_PROXY": "b"}, "a,localhost,127.0.0.1,::1"),
        ({"http_proxy": DEAD, "no_proxy": "127.0.0.1"}, "127.0.0.1,localhost,::1"),
        ({"http_proxy": DEAD, "NO_PROXY": "*"}, "*"),
    ],
)
def test_what_is_excepted_stays_so(
    before: dict[str, str], after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    bypass_loopback()
    bypass_loopback()
    assert os.environ.get("NO_PROXY") == after
