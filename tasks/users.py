"""Who talks to the agent in the pipeline: rules, or a model behind an endpoint of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tasks.dialogues import UserModel, UserName, Users
from tasks.engines.config import EngineConfig, EngineError
from tasks.engines.endpoint import api_key, check, connected
from toolwoz.scenario import Scenario
from toolwoz.users.agenda import AgendaUser
from toolwoz.users.llm import GoalUser, GuideUser


@contextmanager
def open_users(
    name: UserName, settings: UserModel, scenarios: Iterable[Scenario] = ()
) -> Iterator[Users]:
    """The kind of user of that name, until the context ends.

    Args:
        scenarios: What is to be played.

    Raises:
        ValueError: a user played by a model has no endpoint, or ``guide`` no human dialogue to
            follow.
        EngineError: nothing answers at its endpoint.
    """
    if name == "agenda":
        yield AgendaUser
        return
    if not (settings.url and settings.model):
        raise ValueError(
            f"dialogue.user is {name}: set dialogue.user_model.url and dialogue.user_model.model "
            "to the endpoint that plays it"
        )
    mute = [scenario.id for scenario in scenarios if not scenario.human]
    if name == "guide" and mute:
        raise ValueError(
            f"dialogue.user is guide, but {len(mute)} scenarios have no human dialogue to follow "
            f"({mute[0]}, ...): set dialogue.user to goal, or fetch a corpus with its texts"
        )
    kind = GoalUser if name == "goal" else GuideUser
    with connected(_engine(settings), [settings.url], _checked(settings)) as policy:
        yield lambda seed: kind(policy, seed)


def _engine(settings: UserModel) -> EngineConfig:
    return EngineConfig(
        backend="endpoint",
        model=settings.model,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        timeout=settings.timeout,
    )


def _checked(settings: UserModel) -> str:
    """The key of an endpoint that answers and knows the model."""
    key = api_key(settings.api_key_env, "dialogue.user_model.api_key_env")
    try:
        check(settings.url, settings.model, key)
    except EngineError as error:
        raise EngineError(f"the user's model: {error}") from error
    return key
