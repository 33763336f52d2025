"""Conversion of dialogues into scenarios; every v2 scenario is proven to be winnable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolwoz.conversion.goals import GoalError, instructions, parity_goals, requests, v2_goals
from toolwoz.conversion.proof import prove
from toolwoz.corpus.multiwoz import Corpus
from toolwoz.corpus.readers.dialogue import Dialogue
from toolwoz.world.database import Database
from toolwoz.world.scenario import Mode, Scenario
from toolwoz.world.world import World

OTHER_DOMAINS: Final = "goal has a taxi, police or hospital part"
NO_GOALS: Final = "goal gives no tool call"
_EXCLUDED: Final = ("taxi", "police", "hospital")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A dialogue that was dropped, and the reason."""

    id: str
    reason: str


@dataclass(frozen=True)
class Conversion:
    """A converted corpus.

    Attributes:
        world: The world of the scenarios.
        scenarios: The scenarios, sorted by id.
        dropped: The sorted ids of the dropped dialogues, per reason.
    """

    world: World
    scenarios: tuple[Scenario, ...]
    dropped: Mapping[str, tuple[str, ...]]


def convert(corpus: Corpus, mode: Mode) -> Conversion:
    """The scenarios of a corpus in one mode, and the dialogues dropped.

    Raises:
        ValueError: a database of the corpus has no rows.
    """
    world = World.build(Database.from_rows(corpus.databases), mode)
    scenarios: list[Scenario] = []
    dropped: dict[str, list[str]] = defaultdict(list)
    for dialogue in sorted(corpus.dialogues, key=lambda d: d.id):
        made = to_scenario(dialogue, world)
        if isinstance(made, Dropped):
            dropped[made.reason].append(made.id)
        else:
            scenarios.append(made)
    return Conversion(world, tuple(scenarios), {r: tuple(ids) for r, ids in dropped.items()})


def to_scenario(dialogue: Dialogue, world: World) -> Scenario | Dropped:
    """The scenario of a dialogue in the world's mode, or the reason why there is none.

    ToolWOZ keeps the dialogues whose goal lies within the four domains. In ``v2`` the
    scenario's own goal calls must reach every goal, and every first try must fail.
    """
    if any(dialogue.goal.get(domain) for domain in _EXCLUDED):
        return Dropped(dialogue.id, OTHER_DOMAINS)
    try:
        scenario = _scenario(dialogue, world)
    except GoalError as error:
        return Dropped(dialogue.id, str(error))
    if not scenario.goals:
        return Dropped(dialogue.id, NO_GOALS)
    reason = _disproof(world, scenario) if world.mode == "v2" else None
    return scenario if reason is None else Dropped(dialogue.id, reason)


def _scenario(dialogue: Dialogue, world: World) -> Scenario:
    goal: Mapping[str, Any] = dialogue.goal
    read = parity_goals if world.mode == "parity" else v2_goals
    goals = read(dialogue, world.database)
    return Scenario(
        id=dialogue.id,
        split=dialogue.split,
        mode=world.mode,
        instructions=instructions(goal),
        goals=tuple(goals),
        requests=requests(goal),
        human=dialogue.turns,
    )


def _disproof(world: World, scenario: Scenario) -> str | None:
    outcome = prove(world, scenario)
    for goal in scenario.goals:
        if goal.id in outcome.succeeded_first:
            return f"{goal.id}: its first try does not fail as it should"
        if goal.id not in outcome.earned:
            return f"{goal.id}: its own goal call does not reach it"
    return None
