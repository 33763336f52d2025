"""Running OpenAI-compatible servers as one policy."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx

from dialogue.chat import ChatClient, ModelEndpoint
from dialogue.protocols import Completion, Message, Policy, Tool
from services import endpoint_model as remote
from services.engines.config import EngineConfig, EngineError

# vLLM's own fields. Without the first, tags such as <tool_call> that are special tokens of the
# tokenizer would be missing from the text that calls are read from.
VLLM_FIELDS: Mapping[str, Any] = {"skip_special_tokens": False, "return_token_ids": True}


class EndpointPolicy:
    """Spreads dialogues over clients that live in an event loop of their own.

    Callers' loops come and go; connections stay. All requests of one dialogue, and of what was
    forked from it, go to the same server: its prefix cache knows them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clients: Sequence[ChatClient]) -> None:
        self._loop = loop
        self._clients = clients

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """As :meth:`dialogue.chat.ChatClient.__call__`."""
        client = self._clients[crc32(opening(messages).encode()) % len(self._clients)]
        asked = asyncio.run_coroutine_threadsafe(client(messages, tools, seed=seed), self._loop)
        return await asyncio.wrap_future(asked)


def opening(messages: Sequence[Message]) -> str:
    """What the messages of one dialogue, forks included, have in common: up to the first user's."""
    first = next((i for i, one in enumerate(messages) if one["role"] == "user"), len(messages))
    return json.dumps([one.get("content") for one in messages[: first + 1]])


@contextmanager
def open_policy(config: EngineConfig, log: Path) -> Iterator[Policy]:
    """See :func:`services.engines.open_engine`."""
    if not config.urls:
        raise EngineError(
            "engine.backend is endpoint, but engine.urls is empty: give the addresses of running "
            "servers, as http://127.0.0.1:8000/v1, or set engine.backend to server"
        )
    config = replace(config, model=remote.name_of(Path(config.model)) or config.model)
    key = api_key(config.api_key_env)
    for url in config.urls:
        log.open("a").write(f"{url}: {check(url, config.model, key)}\n")
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
    """A policy of these servers."""
    with _event_loop() as loop:
        clients = [
            ChatClient(
                url,
                config.model,
                api_key=key,
                temperature=config.temperature,
                max_tokens=config.max_tokens,
                timeout=config.timeout,
                text_tools=config.text_tools,
                extra={"top_p": config.top_p, **(extra or {})},
            )
            for url in urls
        ]
        try:
            yield EndpointPolicy(loop, clients)
        finally:
            for client in clients:
                closing = client.__aexit__(None, None, None)
                asyncio.run_coroutine_threadsafe(closing, loop).result()


def check(url: str, model: str, key: str = "") -> str:
    """The models a server offers.

    Raises:
        EngineError: nothing answers there, or it does not know the model.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        response = httpx.get(f"{url.rstrip('/')}/models", headers=headers, timeout=10)
        response.raise_for_status()
        names = [entry["id"] for entry in response.json()["data"]]
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise EngineError(
            f"no model server answers at {url} ({error}): start it, or correct its address"
        ) from error
    if model not in names:
        raise EngineError(f"{url} does not serve {model!r}: name one of {', '.join(names)}")
    return ", ".join(names)


def api_key(variable: str, setting: str = "engine.api_key_env") -> str:
    """The key in an environment variable; "" where none is named.

    Raises:
        EngineError: there is no such variable; ``setting`` is what named it.
    """
    try:
        return os.environ[variable] if variable else ""
    except KeyError:
        raise EngineError(
            f"the environment variable {variable} is not set: put the endpoint's key there, or "
            f'set {setting} to ""'
        ) from None


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
