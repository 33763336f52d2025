"""What an endpoint may answer: what passes is waited for, what does not is said at once."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from dialogue.endpoints.client import ChatClient, shown
from dialogue.endpoints.retries import Retry, retry_after
from dialogue.endpoints.settings import clean_key
from dialogue.errors import EndpointBusy, EndpointError, Fault
from dialogue.protocols import Completion
from tests.helpers.chat_server import said, serving
from tests.helpers.http_server import Reply

QUICK = Retry(patience=0.3, first_wait=0.001, longest_wait=0.01)
ONCE = Retry(patience=0)
FOR_EVER = Retry()


def ask(url: str, **options: Any) -> Completion | None:
    async def once() -> Completion | None:
        async with ChatClient(url, "m", **{"retry": QUICK, **options}) as client:
            return await client([{"role": "user", "content": "Hello"}], seed=7)

    return asyncio.run(once())


@pytest.mark.parametrize("status", [0, 408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_waited_for(status: int) -> None:
    with serving(Reply("", status), Reply("", status), Reply(said())) as server:
        assert ask(server.url) is not None
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 405, 413, 422, 451])
def test_what_cannot_pass_is_said_at_once(status: int) -> None:
    with (
        serving(Reply("no such thing", status)) as server,
        pytest.raises(EndpointError, match=rf"{server.url}: {status} .*: no such thing \(.+\)"),
    ):
        ask(server.url, retry=FOR_EVER)
    assert len(server.requests) == 1


def ended(reason: object, **more: object) -> dict[str, Any]:
    [choice] = said("I will bo")["choices"]
    return {**said(), "choices": [{**choice, "finish_reason": reason, **more}]}


DEEP = "[" * 100_000
GARBLED: dict[str, tuple[str, dict[str, str]]] = {
    "no JSON": ("<html>", {}),
    "half of it": ('{"choices": [', {}),
    "nothing": ("", {}),
    "a list": ("[]", {}),
    "null": ("null", {}),
    "no choices": ("{}", {}),
    "empty choices": ('{"choices": []}', {}),
    "no message": ('{"choices": [{"message": 3}]}', {}),
    "null message": ('{"choices": [{"message": null}]}', {}),
    "usage of text": ('{"choices": [{"message": {"content": "a"}}], "usage": "2"}', {}),
    "too deep": (DEEP, {}),
    "an error": (json.dumps({**said(), "error": {"code": 502, "message": "gone"}}), {}),
    **{
        f"ended by {reason}": (json.dumps(ended(reason)), {})
        for reason in ("error", "abort", "content_filter", "network_error", "unheard of", 3)
    },
    "an error in the choice": (json.dumps(ended("stop", error={"message": "gone"})), {}),
    "bad gzip": ("no gzip at all", {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("kind", GARBLED)
def test_what_nobody_can_read_is_asked_for_again_a_few_times(kind: str) -> None:
    body, headers = GARBLED[kind]
    with serving(Reply(body, 200, headers), Reply(said())) as server:
        assert ask(server.url) is not None
    assert len(server.requests) == 2
    patient = Retry(first_wait=0.001, longest_wait=0.01)
    with serving(Reply(body, 200, headers)) as server, pytest.raises(Fault, match=server.url):
        ask(server.url, retry=patient)
    assert len(server.requests) == patient.garbled


@pytest.mark.parametrize(
    ("reason", "means"),
    [
        *((word, "stop") for word in ("stop", "STOP", "eos_token", "stop_sequence", "", None)),
        *((word, "tool_calls") for word in ("tool_calls", "function_call")),
        *((word, "length") for word in ("length", "MAX_TOKENS", "model_length", "repetition")),
    ],
)
def test_what_ends_an_answer(reason: str | None, means: str) -> None:
    with serving(Reply(ended(reason, error=None))) as server:
        completion = ask(server.url)
    assert completion is not None
    assert completion.finish_reason == means


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "completion_tokens": None}])
def test_usage_may_be_missing(usage: object) -> None:
    with serving(Reply({**said(), "usage": usage, "model": None})) as server:
        completion = ask(server.url)
    assert completion is not None
    assert (completion.prompt_tokens, completion.completion_tokens) == (0, 0)
    assert completion.model == "m"


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("3", 3, 3),
        ("0.5", 0.5, 0.5),
        ("Sun, 06 Nov 99999 08:49:37 GMT", 0, 0),
        ("-5", 0, 0),
        ("nan", 0, 0),
        ("inf", math.inf, math.inf),
        ("1e999", math.inf, math.inf),
        ("soon", 0, 0),
        ("", 0, 0),
        ("2020-01-01", 0, 0),
    ],
)
def test_retry_after_is_read_with_sense(header: str, least: float, most: float) -> None:
    assert least <= retry_after(header) <= most


@pytest.mark.parametrize(("seconds", "least", "most"), [(1000, 60, 1000), (-100, 0, 0)])
def test_retry_after_may_be_a_date(seconds: float, least: float, most: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    assert least <= retry_after(date) <= most


@pytest.mark.parametrize(
    ("header", "least"), [("0.3", 0.3), ("nan", 0), ("3600", 0.5), ("inf", 0.5), ("-1", 0)]
)
def test_an_endpoint_gets_the_time_it_asks_for_within_bounds(header: str, least: float) -> None:
    bounded = Retry(first_wait=0.001, longest_wait=0.5)
    with serving(Reply("", 429, {"Retry-After": header}), Reply(said())) as server:
        began = time.perf_counter()
        assert ask(server.url, retry=bounded) is not None
    assert least <= time.perf_counter() - began < least + 3


def test_patience_ends_with_what_the_endpoint_said() -> None:
    began = time.perf_counter()
    with (
        serving(Reply("overloaded", 503)) as server,
        pytest.raises(Fault, match=f"{server.url}: 503 Service Unavailable: overloaded"),
    ):
        ask(server.url)
    assert 0.3 <= time.perf_counter() - began < 5
    assert len(server.requests) > 2


def test_a_fault_after_all_patience_is_not_one_that_passes() -> None:
    with pytest.raises(Fault, match=r"127\.0\.0\.1:9/v1: ConnectError") as caught:
        ask("http://127.0.0.1:9/v1")
    assert not isinstance(caught.value, EndpointBusy)


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://127.0.0.1/v1", "http://[::/v1"])
def test_what_is_no_address_is_said_at_once(url: str) -> None:
    with pytest.raises(EndpointError, match="correct the address"):
        ask(url, retry=FOR_EVER)


Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Talk) -> Any:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await talk(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield "http://127.0.0.1:{1}/v1".format(*server.sockets[0].getsockname())


async def silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("talk", [silent, dripping])
def test_one_answer_is_bounded_in_all(talk: Talk) -> None:
    async def scenario() -> None:
        async with raw_server(talk) as url, ChatClient(url, "m", timeout=0.3, retry=ONCE) as client:
            await client([], seed=0)

    began = time.perf_counter()
    with pytest.raises(Fault, match=r"no answer in 0\.3 s"):
        asyncio.run(scenario())
    assert 0.3 <= time.perf_counter() - began < 3


def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_kept() -> None:
    async def bomb(writer: asyncio.StreamWriter) -> None:
        packed = gzip.compress(bytes(200 * 2**20), 1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(packed) + packed)
        await writer.drain()

    async def scenario() -> None:
        async with raw_server(bomb) as url, ChatClient(url, "m", retry=ONCE) as client:
            await client([], seed=0)

    with pytest.raises(Fault, match="an answer of over"):
        asyncio.run(scenario())


def test_a_key_is_stripped_or_refused_and_never_shown() -> None:
    for around in ("sk-1", " sk-1", "sk-1\r\n", "\tsk-1\n\n", ""):
        assert clean_key(around, "K") == around.strip()
    for wrong in ("sk-\n1", "sk-1\r\nX-Other: 2", "sk-\x001", "sk-\u20261", "sk-\x7f1"):
        with pytest.raises(ValueError, match="the key in K has") as refusal:
            clean_key(wrong, "K")
        assert "sk-" not in str(refusal.value)


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown("http://user:secret@host:80/v1?key=secret#secret") == "http://host:80/v1"
    assert shown("http://host/v1") == "http://host/v1"


def test_many_questions_fail_and_come_back_apart() -> None:
    waits: list[float] = []

    async def failing() -> str:
        if len(waits) < 40:
            waits.append(time.perf_counter())
            raise EndpointBusy("busy")
        return json.dumps(len(waits))

    async def everybody() -> None:
        retry = Retry(first_wait=0.2, longest_wait=0.2)
        await asyncio.gather(*(retry.outlast(failing) for _ in range(20)))

    asyncio.run(everybody())
    second = waits[20:]
    assert max(second) - min(second) > 0.05
