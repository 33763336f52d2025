"""A policy behind any OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, a vendor's."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit
from zlib import crc32

import httpx

from dialogue.endpoints import full_context, wire
from dialogue.endpoints.balancer import Balancer
from dialogue.endpoints.proxies import is_loopback, usable
from dialogue.endpoints.retries import PATIENT, Retry, retry_after
from dialogue.errors import EndpointBusy, EndpointError, EndpointGarbled
from dialogue.protocols import Completion, Message, Tool
from dialogue.strict_json import compact_json

_PASSING = {408, 409, 425, 429}
"""Statuses below 500 that may pass; all from 500 on may."""
_ADVICE = {
    400: "the server refuses the request: see what it says, and its log",
    401: "give the key that this endpoint asks for",
    403: "give a key that may use this model",
    404: "correct the address, which ends in /v1, or the name of the model",
}
_OTHER_LIMIT = re.compile(
    r"max_tokens\W+is not supported|unsupported[^.]*\bmax_tokens\b|use \W*max_completion_tokens",
    re.IGNORECASE,
)
"""How OpenAI's reasoning models and their like refuse ``max_tokens``."""
_NO_PARSER = re.compile(r"tool[-_ ]call[-_ ]parser", re.IGNORECASE)
"""How vLLM and LMDeploy without a parser of tool calls refuse tools; each names its option."""
_TOLD = 20_000
"""Bytes of a refusal that are read: expressions look for its reason there."""
_LARGEST = 64 * 2**20
"""Bytes of an answer, unpacked, beyond which it is no message."""


class _Response(NamedTuple):
    """What a server answered, read to its end."""

    url: str
    status: int
    reason: str
    after: float
    body: bytes


class ChatClient:
    """A policy that asks a chat endpoint. Use it as an async context manager, in one event loop.

    Args:
        urls: Address of a server, up to and with ``/v1``, or those of several servers of the model;
            each dialogue keeps to one of them while that works.
        model: Name the server knows the model by.
        api_key: Sent as bearer token; in no repr, log line or error.
        temperature: Temperature of sampling; 0 is greedy.
        max_tokens: Most tokens of one message.
        timeout: Seconds that one answer may take, to its last byte; 10 for a connection.
        retry: How long to wait when the servers are busy or away.
        text_tools: Reads the model's text where the server has no tool parser; None: it has one.
        logprobs: Ask for the log-probabilities of the sampled tokens.
        of_tools: Gives fields of a request with these tools, such as vLLM's
            ``structured_outputs``, or the tools as they are to be shown.
        extra: Further fields of the request, such as ``top_p`` or vLLM's ``return_token_ids``.

    Raises:
        ValueError: there is no address, or the environment names a proxy that cannot be used.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        model: str,
        *,
        api_key: str = "",
        temperature: float = 1.0,
        max_tokens: int = 512,
        timeout: float = 120.0,
        retry: Retry = PATIENT,
        text_tools: wire.Reader | None = None,
        logprobs: bool = False,
        of_tools: Callable[[Sequence[Tool]], Mapping[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self._api_key = api_key
        self._timeout = timeout
        self._retry = retry
        addresses = [urls] if isinstance(urls, str) else list(urls)
        self._servers = Balancer(addresses)
        self._text_tools = text_tools
        self._of_tools = of_tools
        # Servers without a parser of tool calls differ: shown "none", some leave the tools out of
        # the prompt (SGLang, TensorRT-LLM); the others refuse anything else (vLLM).
        self._tool_choice = "auto"
        self._settings = {
            "model": model,
            "temperature": temperature,
            "max_tokens": max_tokens,
            **({"logprobs": True} if logprobs else {}),
            **(extra or {}),
        }
        key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = _http(addresses, {"Content-Type": "application/json", **key})

    def __repr__(self) -> str:
        return f"ChatClient(model={self.model!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, seed: int
    ) -> Completion | None:
        """The model's next message, or None when the endpoint says its context is full.

        Raises:
            EndpointError: a server refused.
            Fault: none gave an answer for as long as ``retry`` waits.
        """
        dialogue = crc32(opening(messages).encode(errors="replace"))

        async def attempt(url: str) -> Completion | None:
            began = time.perf_counter()
            payload = self._payload(messages, tools, seed)
            response = await self._send(url, payload)
            while response.status == 400:
                self._learn(_text(response))
                refused, payload = payload, self._payload(messages, tools, seed)
                if payload == refused:
                    break
                response = await self._send(url, payload)
            return self._read(response, tools, began)

        return await self._retry.outlast(lambda: self._servers.ask(dialogue, attempt))

    async def _send(self, url: str, payload: Mapping[str, Any]) -> _Response:
        address = f"{url.rstrip('/')}/chat/completions"
        try:
            # httpx bounds each read alone: a server that drips would hold us for ever.
            async with (
                asyncio.timeout(self._timeout),
                self._http.stream("POST", address, content=compact_json(payload)) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise EndpointGarbled(f"{shown(url)}: an answer of over {_LARGEST} bytes")
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise EndpointError(f"{shown(url)}: {error} (correct the address)") from error
        except TimeoutError as error:
            raise EndpointBusy(f"{shown(url)}: no answer in {self._timeout:g} s") from error
        except httpx.DecodingError as error:
            raise EndpointGarbled(f"{shown(url)}: {error}") from error
        except httpx.TransportError as error:
            raise EndpointBusy(f"{shown(url)}: {type(error).__name__}: {error}") from error
        after = retry_after(response.headers.get("retry-after", ""))
        return _Response(url, response.status_code, response.reason_phrase, after, bytes(body))

    def _read(self, response: _Response, tools: Sequence[Tool], began: float) -> Completion | None:
        """The answer that a response holds."""
        status = response.status
        if full_context.is_full(status, _error_text(response)):
            return None
        if status in _PASSING or status >= 500:
            raise EndpointBusy(self._describe(response), response.after)
        if not 200 <= status < 300:
            advice = _ADVICE.get(status, "see the server's log")
            raise EndpointError(f"{self._describe(response)} ({advice})")
        try:
            completion = wire.completion(json.loads(response.body), tools, self._text_tools)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise EndpointGarbled(
                f"no chat completion ({error!r:.200}): {self._describe(response)}"
            ) from error
        seconds = time.perf_counter() - began
        return replace(completion, model=completion.model or self.model, seconds=seconds)

    def _payload(
        self, messages: Sequence[Message], tools: Sequence[Tool], seed: int
    ) -> dict[str, Any]:
        payload = {**self._settings, "messages": wire.sendable(messages), "seed": seed}
        if tools:
            payload["tools"] = list(tools)
            payload["tool_choice"] = self._tool_choice
            payload |= self._of_tools(tools) if self._of_tools else {}
        return payload

    def _learn(self, refusal: str) -> None:
        """Take on the form of request that a refusal asks for, if it is one that we know."""
        if _OTHER_LIMIT.search(refusal) and "max_tokens" in self._settings:
            self._settings["max_completion_tokens"] = self._settings.pop("max_tokens")
        if self._text_tools and _NO_PARSER.search(refusal):
            self._tool_choice = "none"

    def _describe(self, response: _Response) -> str:
        text = f"{response.reason}: {_text(response)}"
        if self._api_key:
            text = text.replace(self._api_key, "***")  # some vendors quote a key they refuse
        return f"{shown(response.url)}: {response.status} {_line(text):.500}"


def _http(urls: Sequence[str], headers: Mapping[str, str]) -> httpx.AsyncClient:
    # The caller bounds concurrency; httpx's own limit of 100 would make it wait unseen.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    here = [url for url in urls if is_loopback(url)]
    with usable():
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=10.0),
            limits=limits,
            trust_env=len(here) < len(urls),
            mounts={
                f"all://{urlsplit(url).netloc.rpartition('@')[2]}": httpx.AsyncHTTPTransport(
                    limits=limits
                )
                for url in here
            },
        )


def shown(url: str) -> str:
    """An address without what may be secret in it."""
    return re.sub(r"//[^/@]*@|[?#].*", lambda found: "//" if found[0][0] == "/" else "", url)


def opening(messages: Sequence[Message]) -> str:
    """What the messages of one dialogue, forks included, have in common: up to the first user's."""
    first = next((i for i, one in enumerate(messages) if one["role"] == "user"), len(messages))
    return json.dumps([one.get("content") for one in messages[: first + 1]])


def _error_text(response: _Response) -> str:
    """The body of a refusal; of an answer, the error in it."""
    if response.status != 200:
        return _text(response)
    try:
        return json.dumps({"error": wire.error_in(json.loads(response.body))})[:_TOLD]
    except (ValueError, RecursionError):
        return ""


def _line(text: str) -> str:
    """A text of others in one line, without what would steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _text(response: _Response) -> str:
    return response.body[:_TOLD].decode(errors="replace")
