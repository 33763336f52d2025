"""Recorded completions: a harvest played once with an engine is played again without one."""

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


def completion_key(
    model: str,
    sampling: Mapping[str, Any],
    messages: Sequence[Message],
    tools: Sequence[Tool],
    seed: int,
) -> str:
    """A hash of all that decides a completion."""
    asked = [model, sorted(sampling.items()), list(messages), list(tools), seed]
    return hashlib.sha256(compact_json(asked)).hexdigest()


class RecordingPolicy:
    """Passes calls on to a policy, and keeps what it answered. Use it in a ``with`` block.

    The file is one JSON line a completion, checksummed as a journal's.
    """

    def __init__(
        self, policy: Policy, path: Path, *, model: str, sampling: Mapping[str, Any]
    ) -> None:
        self.policy = policy
        self.model = model
        self.sampling = sampling
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)

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
        key = completion_key(self.model, self.sampling, messages, tools, seed)
        completion = await self.policy(messages, tools, seed=seed)
        said = completion and {
            "message": completion.message,
            "call": Call.of(completion, seed).to_json(),
        }
        self._file.write(seal({"key": key, "said": said}))
        return completion


class ReplayPolicy:
    """Answers as the recording did, bit for bit, from memory.

    Raises:
        ValueError: a line of the recording is damaged.
    """

    def __init__(self, path: Path, *, model: str, sampling: Mapping[str, Any]) -> None:
        self.path = path
        self.model = model
        self.sampling = sampling
        self._said: dict[str, dict[str, Any] | None] = {}
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                record = unseal(line)
                if record is None:
                    raise ValueError(f"{path}:{number}: damaged; record it again")
                self._said[record["key"]] = record["said"]

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """As the recorded policy.

        Raises:
            NotRecorded: this question was never asked of it.
        """
        key = completion_key(self.model, self.sampling, messages, tools, seed)
        if key not in self._said:
            last = messages[-1]["content"] if messages else ""
            raise NotRecorded(
                f"{self.path} has no completion of {self.model} with seed {seed} after {last!r}: "
                "prompt, tools, sampling or seed have changed; record it again"
            )
        said = self._said[key]
        if said is None:
            return None
        call = {name: value for name, value in said["call"].items() if name != "seed"}
        return Recorded(message=said["message"], **call)
