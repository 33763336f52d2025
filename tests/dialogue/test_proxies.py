"""Proxies that the environment names: never on the way to this machine, and said when unusable."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest

from dialogue.endpoints.client import ChatClient
from dialogue.endpoints.proxies import answers, is_loopback
from dialogue.endpoints.retries import Retry
from dialogue.protocols import Completion
from services.engines.endpoint import offered
from tests.helpers.http_server import Reply, Request, answering

NOBODY = "127.0.0.1:9"
BODY = {"choices": [{"message": {"content": "Hello."}}], "data": [{"id": "m"}]}
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def ask(*urls: str) -> Completion | None:
    async def once() -> Completion | None:
        async with ChatClient(urls, "m", retry=Retry(patience=0)) as client:
            return await client([{"role": "user", "content": "Hello"}], seed=1)

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("variable", "proxy"),
    [
        ("http_proxy", f"http://{NOBODY}"),
        ("ALL_PROXY", f"http://{NOBODY}"),
        ("ALL_PROXY", f"socks5://{NOBODY}"),
        ("ALL_PROXY", f"nonsense://{NOBODY}"),
    ],
)
def test_this_machine_is_asked_directly(
    variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy)
    with answering(lambda _: Reply(BODY)) as url:
        assert ask(f"{url}/v1") is not None
        assert offered(f"{url}/v1") == ["m"]
        assert answers(url)


def test_other_machines_are_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def proxy(request: Request) -> Reply:
        asked.append(request.path)
        return Reply(BODY)

    with answering(proxy) as address, answering(lambda _: Reply("", 503)) as here:
        monkeypatch.setenv("http_proxy", address)
        for _ in range(2):
            assert ask(f"{here}/v1", "http://models.invalid/v1") is not None
    assert set(asked) == {"http://models.invalid/v1/chat/completions"}


WITHOUT_SOCKS = pytest.mark.skipif(find_spec("socksio") is not None, reason="httpx has SOCKS")


@pytest.mark.parametrize("scheme", [pytest.param("socks5", marks=WITHOUT_SOCKS), "nonsense"])
def test_a_proxy_that_cannot_be_used_is_said(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://{NOBODY}")
    for use in (ask, offered):
        with pytest.raises(ValueError, match=r"proxy .* cannot be used .*NO_PROXY"):
            use("http://models.invalid/v1")
    assert not answers("http://models.invalid")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.9.9.9/v1", True),
        ("http://user:key@localhost:80/v1", True),
        ("http://a.localhost", True),
        ("https://[::1]:8000/v1", True),
        ("http://10.0.0.1/v1", False),
        ("http://127.0.0.1.example.org/v1", False),
        ("http://localhost.example.org", False),
        ("http://[::1", False),
        ("no address", False),
        ("", False),
    ],
)
def test_loopback(url: str, here: bool) -> None:
    assert is_loopback(url) == here
