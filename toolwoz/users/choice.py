"""The users that a configuration or a command line can name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from dialogue.protocols import Policy
from toolwoz.users.agenda import AgendaUser
from toolwoz.users.llm import GoalUser, GuideUser
from toolwoz.users.script import ScriptUser
from toolwoz.world.episode import UserSimulator
from toolwoz.world.scenario import Scenario

UserName = Literal["agenda", "goal", "guide", "script"]
Users = Callable[[int], UserSimulator]
"""A factory: the seed of a dialogue -> its user."""
NEED_MODEL = ("goal", "guide")
NEED_HUMAN = ("guide", "script")


def choose_user(name: UserName, model: Policy | None = None) -> Users:
    """The factory of users of one kind.

    Args:
        name: The kind of user.
        model: The model that plays the user of ``goal`` and ``guide``.

    Raises:
        ValueError: a model plays the user, and none is given.
    """
    if name == "agenda":
        return AgendaUser
    if name == "script":
        return lambda _seed: ScriptUser()
    if model is None:
        raise ValueError(f"user {name} is played by a model: give it one")
    kind = GoalUser if name == "goal" else GuideUser
    return lambda seed: kind(model, seed)


def require_human(name: UserName, scenarios: Iterable[Scenario]) -> None:
    """Refuse scenarios that the user cannot play.

    Raises:
        ValueError: a scenario has no human dialogue for the user to follow.
    """
    incomplete = [scenario.id for scenario in scenarios if not scenario.human]
    if name in NEED_HUMAN and incomplete:
        raise ValueError(
            f"user {name} follows the human dialogue, and {len(incomplete)} scenarios have none "
            f"({incomplete[0]}, ...): choose the user goal, or fetch a corpus with its texts"
        )
