"""The engines behind every Policy of the pipeline: five backends, opened and closed one way.

    with open_engine(config, log=Path("logs/harvest.log")) as policy:
        asyncio.run(evaluate(policy, ...))

A policy may be called from any number of event loops in turn, by any number of callers at once:
**concurrency is the batch**.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path

from dialogue.protocols import Policy
from services.engines.config import Backend, EngineConfig, EngineSettings

__all__ = ["EngineConfig", "EngineSettings", "open_engine"]

Opener = Callable[[EngineConfig, Path], AbstractContextManager[Policy]]

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

    Engines can be opened one after the other in one process; the first pays for the imports.

    Args:
        config: The engine, its model, and how to sample.
        log: File for the engine's output; an earlier file is replaced.

    Raises:
        EngineError: it cannot start; the message has the last lines of its log and what to do.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    opener: Opener = import_module(BACKENDS[config.backend]).open_policy
    with opener(config, log) as policy:
        yield policy
