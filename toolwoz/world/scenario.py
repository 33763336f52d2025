"""Scenarios: benchmark items, each with a user's wishes and the tool calls that earn rewards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from dialogue.files import replacing
from dialogue.seeds import stable_seed
from toolwoz.world.domains import Split

SCHEMA_VERSION = 1
SCENARIOS = "scenarios.jsonl"
"""The scenarios file of a converted corpus, or of a benchmark run."""

Mode = Literal["parity", "v2"]


@dataclass(frozen=True, slots=True)
class Goal:
    """One tool call the agent must make; reaching it is worth one reward.

    Attributes:
        id: Unique within its scenario; equal to the tool's name, as MultiWOZ has at most one
            search and one booking per domain.
        tool: ``search_DOMAIN`` or ``book_DOMAIN``.
        arguments: The constraints (search) or booking slots (book), without the entity.
        entity: The booked entity as ``{"name": ...}`` or ``{"trainID": ...}``; empty for
            a search, and for a booking whose entity is any row that satisfies the search.
        first_try: The arguments that the user asks for first and that must fail: MultiWOZ's
            ``fail_info`` (search) and ``fail_book`` (book). Empty when there are none.
    """

    id: str
    tool: str
    arguments: Mapping[str, str]
    entity: Mapping[str, str] = field(default_factory=dict)
    first_try: Mapping[str, str] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return self.tool.partition("_")[2]

    @property
    def is_booking(self) -> bool:
        return self.tool.startswith("book_")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One benchmark item, shared by every episode that plays it.

    Attributes:
        id: MultiWOZ dialogue id without ``.json``.
        split: ``train``, ``val`` or ``test``.
        mode: ``parity`` (the published environment, bug for bug) or ``v2`` (without its bugs).
        instructions: The sentences of MultiWOZ's goal text, without markup.
        goals: The goal calls, in the order of the domains; a search precedes its booking.
        requests: The slots whose value the user asks for (``reqt``), per domain.
        human: The human dialogue's utterances, user first; empty where the source has none.
    """

    id: str
    split: Split
    mode: Mode
    instructions: tuple[str, ...]
    goals: tuple[Goal, ...]
    requests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    human: tuple[str, ...] = ()

    @property
    def domains(self) -> tuple[str, ...]:
        """Domains in the order in which their first goal appears."""
        return tuple(dict.fromkeys(goal.domain for goal in self.goals))

    def goal(self, tool: str) -> Goal | None:
        """The goal of that tool, or None."""
        for goal in self.goals:  # faster than next(): runs three times per tool call
            if goal.tool == tool:
                return goal
        return None

    def to_json(self) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scenario:
        """The inverse of :meth:`to_json`.

        Raises:
            ValueError: the record was written with another schema version, or lacks a field.
        """
        found = data.get("schema_version")
        if found != SCHEMA_VERSION:
            raise ValueError(
                f"scenario {data.get('id', '?')}: schema version {found!r}, this toolwoz reads "
                f"{SCHEMA_VERSION}; convert the corpus again (python -m toolwoz convert)"
            )
        try:
            return cls(
                id=data["id"],
                split=data["split"],
                mode=data["mode"],
                instructions=tuple(data["instructions"]),
                goals=tuple(Goal(**goal) for goal in data["goals"]),
                requests={domain: tuple(slots) for domain, slots in data["requests"].items()},
                human=tuple(data["human"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"scenario {data.get('id', '?')}: {error!r} in its record") from error


def write_scenarios(path: Path, scenarios: Iterable[Scenario]) -> int:
    """Write one scenario per line, all or none; returns their number."""
    count = 0
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        for scenario in scenarios:
            file.write(json.dumps(scenario.to_json(), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_scenarios(path: Path, split: Split | None = None) -> Iterator[Scenario]:
    """Scenarios of a JSONL file, in its order, of one split or of all.

    Raises:
        ValueError: a line is not a scenario; the message names the file and the line.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                scenario = Scenario.from_json(json.loads(line))
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from error
            if split is None or scenario.split == split:
                yield scenario


def take(folder: Path, split: Split, count: int, skip: int = 0) -> list[Scenario]:
    """``count`` scenarios of a split of the converted corpus, after its first ``skip``.

    MultiWOZ sorts its dialogues by kind. The order here is random but the same for every seed, so
    that any part of a split is a sample of the whole.

    Raises:
        ValueError: the split has fewer scenarios.
    """
    return _at_least(folder, split, skip + count)[skip : skip + count]


def take_last(folder: Path, split: Split, count: int) -> list[Scenario]:
    """The last ``count`` scenarios of a split, in the order of :func:`take`.

    Raises:
        ValueError: the split has fewer scenarios.
    """
    found = _at_least(folder, split, count)
    return found[len(found) - count :]


def _at_least(folder: Path, split: Split, count: int) -> list[Scenario]:
    found = list(read_scenarios(folder / SCENARIOS, split))
    if len(found) < count:
        raise ValueError(
            f"the {split} split has {len(found)} scenarios, params.yaml asks for {count}: "
            "lower the number, or fetch a larger corpus"
        )
    return sorted(found, key=lambda scenario: (stable_seed("order", scenario.id), scenario.id))
