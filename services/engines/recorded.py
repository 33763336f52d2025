"""Recorded completions, with which a harvest is repeated without an engine.

The first line of a recording names the model and its sampling; each other line has one completion,
under a hash of the question. All lines have a checksum, as in a journal.
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
"""Fields of a completion that are kept with its message; times and cache hits are not."""


class NotRecorded(LookupError):  # noqa: N818 - a LookupError, which is named like KeyError
    """A recording has no completion for the question."""


def completion_key(messages: Sequence[Message], tools: Sequence[Tool], seed: int) -> str:
    """A hash of the question: with model and sampling, it determines the completion."""
    return hashlib.sha256(compact_json([list(messages), list(tools), seed])).hexdigest()


class RecordingPolicy:
    """Records the completions of a policy. Use it in a ``with`` block.

    Args:
        policy: The policy to record.
        path: File of the recording; an earlier file is replaced.
        model: Name of the model.
        sampling: Settings of its sampling, as JSON values.
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
    """Answers with the completions of a recording, bit for bit.

    Args:
        path: File of the recording.
        sampling: Sampling settings that the recording must have.
        model: Name of the model that the recording must have; None for any.

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
            NotRecorded: the recording has no such question.
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
    """The sampling settings that a recording of this engine has."""
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
            try:
                records.append(unseal(line))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}:{number}: damaged; record it again") from error
    if not records:
        raise ValueError(f"{path}: empty; record it again")
    return records
