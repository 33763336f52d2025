"""Running OpenAI-compatible servers as one policy."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from dialogue.endpoints.client import ChatClient, shown
from dialogue.endpoints.proxies import is_loopback, usable
from dialogue.endpoints.settings import ModelEndpoint, clean_key
from dialogue.errors import EndpointBusy, EngineError
from dialogue.protocols import Completion, Message, Policy, Tool
from services import endpoint_model as remote
from services.engines.config import EngineConfig
from services.engines.formats import Format, open_format
from services.engines.models.dress import in_a_line

log = logging.getLogger(__name__)

# vLLM's own fields. Without the first, tags such as <tool_call> that are special tokens of the
# tokenizer would be missing from the text that calls are read from. A running server would take
# what is not said of sampling from the model's generation_config.json.
VLLM_FIELDS: Mapping[str, Any] = {
    "skip_special_tokens": False,
    "return_token_ids": True,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}


class EndpointPolicy:
    """A client in an event loop of its own: callers' loops come and go, connections stay."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: ChatClient) -> None:
        self._loop = loop
        self._client = client

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """As :meth:`dialogue.endpoints.client.ChatClient.__call__`."""
        answer = self._client(messages, tools, seed=seed)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(answer, self._loop))


@contextmanager
def open_policy(config: EngineConfig, log: Path) -> Iterator[Policy]:
    """See :func:`services.engines.open_engine`."""
    if not config.urls:
        raise EngineError(
            "engine.backend is endpoint, but engine.urls is empty: give the addresses of running "
            "servers, as http://127.0.0.1:8000/v1, or set engine.backend to server"
        )
    if not config.text_tools and (config.tool_parser, config.reasoning_parser) != ("auto", "auto"):
        raise EngineError(
            "engine.tool_parser and engine.reasoning_parser read text, but the endpoint is asked "
            "for messages: set engine.text_tools to true, or both to auto"
        )
    config = replace(config, model=remote.name_of(Path(config.model)) or config.model)
    key = api_key(config.api_key_env)
    with log.open("a") as file:
        file.write(f"{_check_all(config.urls, config.model, key)}\n")
    with connected(config, config.urls, key) as policy:
        yield policy


@contextmanager
def open_model(settings: ModelEndpoint, setting: str) -> Iterator[Policy]:
    """A policy of the model at an endpoint, after asking the endpoint whether it knows the model.

    Args:
        settings: The model.
        setting: Name of these settings, for error messages.

    Raises:
        EngineError: nothing answers there, it does not know the model, or the key is missing.
    """
    key = api_key(settings.api_key_env, f"{setting}.api_key_env")
    try:
        check(settings.url, settings.model, key)
    except EngineError as error:
        raise EngineError(f"{setting}: {error}") from error
    config = EngineConfig(
        backend="endpoint",
        model=settings.model,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        timeout=settings.timeout,
    )
    with connected(config, [settings.url], key) as policy:
        yield policy


@contextmanager
def connected(
    config: EngineConfig, urls: Sequence[str], key: str = "", extra: Mapping[str, Any] | None = None
) -> Iterator[Policy]:
    """A policy of these servers.

    Raises:
        EngineError: see :func:`services.engines.formats.open_format`.
    """
    kwargs = dict(config.chat_template_kwargs)
    more = {"chat_template_kwargs": kwargs} if kwargs else {}
    form = _format(config) if config.text_tools else None
    with _event_loop() as loop:
        client = ChatClient(
            urls,
            config.model,
            api_key=key,
            temperature=config.temperature,
            max_tokens=config.max_tokens,
            timeout=config.timeout,
            text_tools=form.read if form else None,
            of_tools=partial(_of_tools, config, form),
            extra={"top_p": config.top_p, **more, **(extra or {})},
        )
        try:
            yield EndpointPolicy(loop, client)
        finally:
            closing = client.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(closing, loop).result()


def _of_tools(
    config: EngineConfig, form: Format | None, tools: Sequence[Tool]
) -> Mapping[str, Any]:
    """Fields of a request: the tools in another dress, and vLLM's for their structural tag."""
    fields: dict[str, Any] = {}
    if config.tools == "lines":
        fields["tools"] = list(map(in_a_line, tools))
    if form and (tag := form.tag(tools)):
        fields["structured_outputs"] = {"structural_tag": tag}
    return fields


def _format(config: EngineConfig) -> Format:
    if not config.tokenizer:
        return open_format(config, None)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(config.tokenizer, trust_remote_code=False)
    return open_format(config, tokenizer)


def check(url: str, model: str, key: str = "") -> str:
    """The models a server offers.

    Raises:
        EngineError: nothing answers there, it refuses, or it does not know the model.
    """
    return _check_all([url], model, key)


def _check_all(urls: Sequence[str], model: str, key: str) -> str:
    """What each server says; some may be away, as they may be later, but not all."""
    found: list[str] = []
    away: list[EndpointBusy] = []
    for url in urls:
        try:
            found.append(f"{shown(url)}: {_offered(url, model, key)}")
        except EndpointBusy as error:
            log.warning("%s", error)
            away.append(error)
    if not found:
        raise EngineError(str(away[0])) from away[0]
    return "\n".join([*found, *map(str, away)])


def _offered(url: str, model: str, key: str) -> str:
    names = offered(url, key)
    if model not in names:
        raise EngineError(f"{shown(url)} does not serve {model!r}: name one of {', '.join(names)}")
    return ", ".join(names)


def offered(url: str, key: str = "") -> list[str]:
    """Names of the models that a server offers.

    Raises:
        EndpointBusy: nothing answers there.
        EngineError: it refuses, or is no model server.
        ValueError: the environment names a proxy that cannot be used.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    nothing = f"no model server answers at {shown(url)}"
    try:
        with usable():
            response = httpx.get(
                f"{url.rstrip('/')}/models",
                headers=headers,
                timeout=10,
                trust_env=not is_loopback(url),
            )
    except httpx.TransportError as error:
        raise EndpointBusy(f"{nothing} ({error}): start it, or correct its address") from error
    status = f"{response.status_code} {response.reason_phrase}"
    if response.is_server_error:
        raise EndpointBusy(f"{nothing} ({status}): wait, or see its log")
    if response.status_code in (401, 403):
        raise EngineError(f"{shown(url)} refuses the key ({status}): correct api_key_env")
    try:
        return [str(entry["id"]) for entry in response.json()["data"]]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise EngineError(f"{nothing} ({status}, {error!r}): correct its address") from error


def api_key(variable: str, setting: str = "engine.api_key_env") -> str:
    """The key in an environment variable; "" where none is named.

    Raises:
        EngineError: there is no such variable, or it holds no key; ``setting`` is what named it.
    """
    if not variable:
        return ""
    try:
        return clean_key(os.environ[variable], f"the environment variable {variable}")
    except KeyError:
        raise EngineError(
            f"the environment variable {variable} is not set: put the endpoint's key there, or "
            f'set {setting} to ""'
        ) from None
    except ValueError as error:
        raise EngineError(f"{setting}: {error}") from error


@contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="endpoint", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
