"""The world that all episodes of one mode share: databases, tools, limits, answers to calls."""

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
from toolwoz.world.rules import RULES, Limits
from toolwoz.world.scenario import Mode, Scenario
from toolwoz.world.toolbox import Toolbox

# Models write the calls, so the cache must be bounded.
_CACHE_SIZE: Final = 1 << 14
_LONGEST: Final = 1000


@dataclass(frozen=True)
class World:
    """The databases, tools and limits of one mode; immutable.

    Attributes:
        database: Read-only rows.
        mode: ``parity`` or ``v2``.
        tools: The agent's tools in the OpenAI function format.
        limits: The limits that end a dialogue; the mode's own by default.
        max_results: Number of rows a ``v2`` search lists at most.
    """

    database: Database
    mode: Mode
    tools: Sequence[Tool]
    limits: Limits
    max_results: int = 3
    _toolbox: Toolbox = field(init=False, repr=False, compare=False)
    _cached: Callable[[str, str], Answer | Call] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        toolbox = Toolbox(self.tools, self.database, RULES[self.mode])
        object.__setattr__(self, "_toolbox", toolbox)
        # The branches of a search repeat the same calls.
        object.__setattr__(self, "_cached", lru_cache(maxsize=_CACHE_SIZE)(self._accept))

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
        rules = RULES[mode]
        return cls(
            database, mode, tuple(rules.tools(database)), limits or rules.LIMITS, max_results
        )

    def answer(self, scenario: Scenario, name: object, arguments: object, *, seed: int) -> Answer:
        """Answer one tool call; the answer to a bad call is an error message.

        Args:
            scenario: The scenario being played, of this world's mode.
            name: The tool's name as the model wrote it.
            arguments: The JSON text it wrote, or the object parsed from it.
            seed: Seed of the episode; only booking references depend on it.
        """
        if isinstance(name, str) and isinstance(arguments, str) and len(arguments) <= _LONGEST:
            result = self._cached(name, arguments)
        else:
            result = self._accept(name, arguments)
        if isinstance(result, Answer):
            return result
        return RULES[self.mode].answer(self.database, scenario, result, seed=seed)

    def _accept(self, name: object, arguments: object) -> Answer | Call:
        """The answer where it is the same in every scenario; else the accepted call."""
        try:
            call = self._toolbox.accept(name, arguments)
        except CallError as error:
            return refusal(error)
        return RULES[self.mode].shared_answer(self.database, call, self.max_results) or call

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
            mode, tools, rules = record["mode"], tuple(record["tools"]), RULES[record["mode"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not a tools file: {error!r}; convert again") from error
        database = Database.load(folder / "database.json")
        return cls(database, mode, tools, limits or rules.LIMITS, max_results)
