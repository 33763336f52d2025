"""The engines behind every Policy of the pipeline: five backends, opened and closed one way.

    with open_engine(config, log=Path("logs/harvest.log")) as policy:
        asyncio.run(evaluate(policy, ...))

A policy may be called from any number of event loops in turn, by any number of callers at once:
**concurrency is the batch**.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from dialogue.errors import EngineError
from dialogue.protocols import Policy
from services.engines.config import Backend, EngineConfig, EngineSettings
from services.engines.models.adapters import Adapter, find

__all__ = ["EngineConfig", "EngineSettings", "open_adapters", "open_engine", "serves_adapters"]

# By name, because a backend's packages are imported only where it is used.
BACKENDS: Mapping[Backend, str] = {
    "vllm": "services.engines.vllm_engine",
    "transformers": "services.engines.transformers_engine",
    "server": "services.engines.server",
    "endpoint": "services.engines.endpoint",
    "recorded": "services.engines.recorded",
}


@contextmanager
def open_engine(config: EngineConfig, *, log: Path) -> Iterator[Policy]:
    """Start the engine, and always stop it at the end of the context.

    A model that is a LoRA alone is served on its base. Engines can be opened one after the other in
    one process; the first pays for the imports.

    Args:
        config: The engine, its model, and how to sample.
        log: File for the engine's output; an earlier file is replaced.

    Raises:
        EngineError: it cannot start; the message has the last lines of its log and what to do.
        ValueError: see :func:`services.engines.models.adapters.find`.
    """
    adapter = find(Path(config.model)) if serves_adapters(config) else None
    base = replace(config, model=str(adapter.base)) if adapter else config
    with open_adapters(base, [adapter] if adapter else [], log=log) as policies:
        yield policies[-1]


@contextmanager
def open_adapters(
    config: EngineConfig, adapters: Sequence[Adapter], *, log: Path
) -> Iterator[Sequence[Policy]]:
    """The policies of an engine's model and of adapters that it serves on this model, in order.

    Args:
        config: As for :func:`open_engine`; see :func:`serves_adapters`.
        adapters: LoRAs that were trained on `config.model`.
        log: As for :func:`open_engine`.

    Raises:
        EngineError: as :func:`open_engine`, or the backend serves no adapters.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    if adapters and not serves_adapters(config):
        raise EngineError(f"engine.backend {config.backend} serves no adapters here")
    module = import_module(BACKENDS[config.backend])
    if config.backend in ("vllm", "server"):
        with module.open_policies(config, log, adapters) as policies:
            yield policies
        return
    with module.open_policy(config, log) as policy:
        yield [policy]


def serves_adapters(config: EngineSettings) -> bool:
    """Whether the engine, which is then vLLM started here, takes adapters."""
    return config.backend == "vllm" or (config.backend == "server" and not config.urls)
