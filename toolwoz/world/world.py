"""The world all episodes of one mode share: databases, tools, limits, and the answer to a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from dialogue.files import write_whole
from dialogue.protocols import Tool
from toolwoz.world.calls import Answer, Call, CallError, refusal
from toolwoz.world.database import Database
from toolwoz.world.rules import parity
from toolwoz.world.rules import v2 as corrected
from toolwoz.world.scenario import Mode, Scenario
from toolwoz.world.toolbox import Toolbox
from toolwoz.world.tools import tool_schemas

# Bounds of what a world remembers of the calls that models write.
_REMEMBERED: Final = 1 << 14
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """When a dialogue is cut off.

    Attributes:
        messages: Utterances of user and agent together, tool traffic not counted.
        model_calls: Assistant messages with tool calls the agent may write before it speaks.
        parallel_calls: Tool calls answered per assistant message; guessing in bulk earns nothing.
    """

    messages: int
    model_calls: int
    parallel_calls: int


# 15 messages and 3 model calls are the published limits. The longest human dialogue of MultiWOZ
# has 44 utterances, 99.9 % have at most 30: 60 cut off only agents that do not get anywhere.
PUBLISHED_LIMITS = Limits(messages=15, model_calls=3, parallel_calls=8)
DEFAULT_LIMITS = Limits(messages=60, model_calls=6, parallel_calls=4)


@dataclass(frozen=True)
class World:
    """Frozen and shared by all episodes.

    Attributes:
        database: Read-only rows.
        mode: ``parity`` or ``v2``.
        tools: What the agent is given, in the OpenAI function format.
        limits: The published ones in ``parity``, :data:`DEFAULT_LIMITS` in ``v2``.
        max_results: How many rows a ``v2`` search lists.
    """

    database: Database
    mode: Mode
    tools: Sequence[Tool]
    limits: Limits
    max_results: int = 3
    _toolbox: Toolbox = field(init=False, repr=False, compare=False)
    _settled: Callable[[str, str], Answer | Call] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_toolbox", Toolbox(self.tools, self.database, self.mode))
        # The siblings of a search make the same calls over and over, letter by letter.
        object.__setattr__(self, "_settled", lru_cache(maxsize=_REMEMBERED)(self._settle))

    @classmethod
    def build(
        cls,
        database: Database,
        mode: Mode,
        *,
        limits: Limits | None = None,
        max_results: int = 3,
    ) -> Self:
        """The world of a database, with the tools that fit it."""
        limits = limits or (PUBLISHED_LIMITS if mode == "parity" else DEFAULT_LIMITS)
        return cls(database, mode, tuple(tool_schemas(database, mode)), limits, max_results)

    def answer(self, scenario: Scenario, name: object, arguments: object, *, seed: int) -> Answer:
        """Answer one tool call. A bad call is answered too, with an error to learn from.

        Args:
            scenario: Must be of this world's mode.
            name: The tool's name as the model wrote it.
            arguments: The JSON text it wrote, or the object read from it.
            seed: Of the episode; varies nothing but booking references.
        """
        if isinstance(name, str) and isinstance(arguments, str) and len(arguments) <= _LONGEST:
            settled = self._settled(name, arguments)
        else:
            settled = self._settle(name, arguments)
        if isinstance(settled, Answer):
            return settled
        if self.mode == "parity":
            return parity.answer(self.database, scenario, settled, seed=seed)
        return corrected.book(self.database, scenario, settled, seed=seed)

    def _settle(self, name: object, arguments: object) -> Answer | Call:
        """The answer, where it is the same in every scenario; else the call as understood."""
        try:
            call = self._toolbox.accept(name, arguments)
        except CallError as error:
            return refusal(error)
        if self.mode == "parity" or call.is_booking:
            return call
        return corrected.search(self.database, call, max_results=self.max_results)

    def save(self, folder: Path) -> None:
        """Write ``database.json`` and ``tools.json`` into a folder, each whole or not at all."""
        self.database.save(folder / "database.json")
        record = {"mode": self.mode, "tools": list(self.tools)}
        write_whole(folder / "tools.json", json.dumps(record, ensure_ascii=False, indent=1))

    @classmethod
    def load(cls, folder: Path, *, limits: Limits | None = None, max_results: int = 3) -> Self:
        """The world saved in a folder.

        Raises:
            FileNotFoundError: a file is missing; converting the corpus writes both.
            ValueError: a file is not what :meth:`save` writes.
        """
        path = folder / "tools.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            mode, tools = record["mode"], tuple(record["tools"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no tools file: {error!r}; convert again") from error
        limits = limits or (PUBLISHED_LIMITS if mode == "parity" else DEFAULT_LIMITS)
        return cls(Database.load(folder / "database.json"), mode, tools, limits, max_results)
