"""Recorded completions: a harvest that was played once with an engine is played again without one.

A recording is of one model and one way to sample from it, which its first line says; the others
are a completion each, under a hash of the question. All lines are checksummed as a journal's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dialogue.errors import EngineError
from dialogue.protocols import Completion, Message, Policy, Tool
from dialogue.records import seal, unseal
from dialogue.strict_json import compact_json
from services.engines.config import EngineConfig

FIELDS = (
    "model",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "token_ids",
    "logprobs",
)
"""What is kept of a completion beside its message: not how long it took, nor what was cached."""


class NotRecorded(LookupError):  # noqa: N818 - named for what is the case, like KeyError's kin
    """A recording was asked what it never answered."""


def completion_key(messages: Sequence[Message], tools: Sequence[Tool], seed: int) -> str:
    """A hash of all that decides a completion, beside the model and the sampling."""
    return hashlib.sha256(compact_json([list(messages), list(tools), seed])).hexdigest()


class RecordingPolicy:
    """Passes calls on to a policy, and keeps what it answered. Use it in a ``with`` block.

    Args:
        policy: The one that is recorded.
        path: The file, which is written anew.
        model: Name of the model.
        sampling: How it samples, as JSON values.
    """

    def __init__(
        self, policy: Policy, path: Path, *, model: str, sampling: Mapping[str, Any]
    ) -> None:
        self.policy = policy
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        self._file.write(seal({"model": model, "sampling": dict(sampling)}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        key = completion_key(messages, tools, seed)
        completion = await self.policy(messages, tools, seed=seed)
        said = completion and {
            "message": completion.message,
            "call": {name: getattr(completion, name) for name in FIELDS},
        }
        self._file.write(seal({"key": key, "said": said}))
        return completion


class RecordedPolicy:
    """Answers as the recording did, bit for bit, from memory.

    Args:
        path: A recording.
        sampling: How the recorded policy is to have sampled.
        model: Name of the model; None for any.

    Raises:
        ValueError: a line of the recording is damaged, or it is of another model or sampling.
    """

    def __init__(
        self, path: Path, *, sampling: Mapping[str, Any], model: str | None = None
    ) -> None:
        self.path = path
        (header, *completions) = _lines(path)
        asked = {"model": header.get("model") if model is None else model, "sampling": {**sampling}}
        if header != asked:
            raise ValueError(f"{path} was recorded with {header}, asked for {asked}; record again")
        self._said: dict[str, dict[str, Any] | None] = {
            record["key"]: record["said"] for record in completions
        }

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """As the recorded policy.

        Raises:
            NotRecorded: this question was never asked of it.
        """
        key = completion_key(messages, tools, seed)
        if key not in self._said:
            last = messages[-1]["content"] if messages else ""
            raise NotRecorded(
                f"{self.path} has no completion with seed {seed} after {last!r}: prompt, tools or "
                "seed have changed; record it again"
            )
        said = self._said[key]
        if said is None:
            return None
        kept = {name: said["call"][name] for name in FIELDS}
        sequences = {name: tuple(kept[name]) for name in ("token_ids", "logprobs")}
        return Completion(said["message"], **{**kept, **sequences})


def sampling(config: EngineConfig) -> Mapping[str, Any]:
    """What a recording of this engine says of its sampling."""
    return {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "max_tokens": config.max_tokens,
    }


@contextmanager
def open_policy(config: EngineConfig, log: Path) -> Iterator[Policy]:
    """See :func:`services.engines.open_engine`."""
    path = Path(config.recording or config.model)
    if not path.is_file():
        raise EngineError(f"no recording at {path}: engine.recording names its file")
    try:
        policy = RecordedPolicy(path, sampling=sampling(config))
    except ValueError as error:
        raise EngineError(str(error)) from error
    log.write_text(f"answers from {path}\n")
    yield policy


def _lines(path: Path) -> list[dict[str, Any]]:
    records = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            record = unseal(line)
            if record is None:
                raise ValueError(f"{path}:{number}: damaged; record it again")
            records.append({name: value for name, value in record.items() if name != "crc"})
    if not records:
        raise ValueError(f"{path}: empty; record it again")
    return records
