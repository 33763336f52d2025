"""Recorded completions: a harvest played once with an engine is played again without one.

A recording is of one model and one way to sample from it, which its first line says; the others
are a completion each, under a hash of the question. All lines are checksummed as a journal's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from josh.journal import seal, unseal
from josh.node import Call, compact_json
from josh.protocols import Completion, Message, Policy, Tool


class NotRecorded(LookupError):  # noqa: N818 - named for what is the case, like KeyError's kin
    """A replay was asked what its recording never answered."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A completion out of a recording."""

    message: Message
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    model: str
    token_ids: Sequence[int]
    logprobs: Sequence[float]


def completion_key(messages: Sequence[Message], tools: Sequence[Tool], seed: int) -> str:
    """A hash of all that decides a completion, beside the model and the sampling."""
    return hashlib.sha256(compact_json([list(messages), list(tools), seed])).hexdigest()


class RecordingPolicy:
    """Passes calls on to a policy, and keeps what it answered. Use it in a ``with`` block.

    Args:
        policy: The one that is recorded.
        path: The file, which is written anew.
        model: Its name.
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
            "call": Call.of(completion, seed).to_json(),
        }
        self._file.write(seal({"key": key, "said": said}))
        return completion


class ReplayPolicy:
    """Answers as the recording did, bit for bit, from memory.

    Args:
        path: A recording.
        sampling: How the recorded policy is to have sampled.
        model: Its name; None for any.

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
    ) -> Recorded | None:
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
        call = Call.from_json(said["call"]).to_json()
        del call["seed"]
        return Recorded(message=said["message"], **call)


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
