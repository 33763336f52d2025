"""Answers written down once and given again: a policy without an engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from tasks.engines.config import EngineConfig, EngineError
from toolwoz.completion import Completion, Message, Policy, Tool


class Recorded:
    """Gives the answer that was recorded for the same question and seed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines()
        self._answers = {entry["key"]: entry["completion"] for entry in map(json.loads, lines)}

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """The recorded answer.

        Raises:
            EngineError: there is none.
        """
        key = _key(messages, tools, seed)
        if key not in self._answers:
            raise EngineError(f"{self._path} holds no answer to this question: record it again")
        answer = self._answers[key]
        return None if answer is None else Completion(**answer)


class Recorder:
    """A policy that writes down what another one answers, a JSON line each."""

    def __init__(self, policy: Policy, path: Path) -> None:
        self._policy = policy
        self._path = path

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        completion = await self._policy(messages, tools, seed=seed)
        entry = {
            "key": _key(messages, tools, seed),
            "completion": None if completion is None else asdict(completion),
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        return completion


@contextmanager
def open_policy(config: EngineConfig, log: Path) -> Iterator[Policy]:
    """See :func:`tasks.engines.open_engine`."""
    path = Path(config.model)
    if not path.is_file():
        raise EngineError(f"no recording at {config.model}: engine.model names its file")
    log.write_text(f"answers from {path}\n")
    yield Recorded(path)


def _key(messages: Sequence[Message], tools: Sequence[Tool], seed: int) -> str:
    question = json.dumps([list(messages), list(tools), seed], sort_keys=True)
    return sha256(question.encode()).hexdigest()
