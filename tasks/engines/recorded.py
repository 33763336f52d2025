"""A recording as a policy without an engine: see :mod:`josh.replay`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from josh.replay import ReplayPolicy
from tasks.engines.config import EngineConfig, EngineError
from toolwoz.completion import Completion, Message, Policy, Tool


class RecordedPolicy:
    """Gives the answer that was recorded for the same question and seed."""

    def __init__(self, replay: ReplayPolicy) -> None:
        self._replay = replay

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """The recorded answer.

        Raises:
            NotRecorded: there is none.
        """
        said = await self._replay(messages, tools, seed=seed)
        if said is None:
            return None
        return Completion(**{one.name: getattr(said, one.name) for one in fields(said)})


def sampling(config: EngineConfig) -> Mapping[str, Any]:
    """What a recording of this engine says of its sampling."""
    return {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "max_tokens": config.max_tokens,
    }


@contextmanager
def open_policy(config: EngineConfig, log: Path) -> Iterator[Policy]:
    """See :func:`tasks.engines.open_engine`."""
    path = Path(config.recording or config.model)
    if not path.is_file():
        raise EngineError(f"no recording at {path}: engine.recording names its file")
    try:
        replay = ReplayPolicy(path, sampling=sampling(config))
    except ValueError as error:
        raise EngineError(str(error)) from error
    log.write_text(f"answers from {path}\n")
    yield RecordedPolicy(replay)
