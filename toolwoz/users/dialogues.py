"""The configuration of a dialogue: world, limits, user and prompt, the same in every stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dialogue.bounds import Positive
from dialogue.endpoints.settings import ModelEndpoint
from dialogue.protocols import Message, Policy
from toolwoz.users.choice import NEED_MODEL, UserName, Users, choose_user, require_human
from toolwoz.world.episode import Episode
from toolwoz.world.rules import Limits
from toolwoz.world.scenario import Scenario
from toolwoz.world.world import World

OpenModel = Callable[[ModelEndpoint, str], AbstractContextManager[Policy]]


@dataclass(frozen=True, slots=True)
class DialogueConfig:
    """The section ``dialogue``, shared by bootstrap, harvest and evaluate.

    Attributes:
        system_prompt: The first message of every dialogue; left out if empty.
        max_results: Maximum number of rows a search lists (mode ``v2``).
        max_messages: Maximum number of utterances of user and agent together.
        max_model_calls: Maximum number of assistant messages with tool calls before the agent
            speaks.
        max_parallel_calls: Maximum number of tool calls answered per assistant message.
        user: The kind of user: ``agenda`` (rules, no model), ``goal`` (a model that knows the
            goal), ``guide`` (one that also follows the human dialogue of the scenario).
        user_model: The endpoint of the model that plays the user of ``goal`` and ``guide``.
    """

    system_prompt: str
    max_results: Positive
    max_messages: Positive
    max_model_calls: Positive
    max_parallel_calls: Positive
    user: UserName
    user_model: ModelEndpoint

    @property
    def limits(self) -> Limits:
        return Limits(self.max_messages, self.max_model_calls, self.max_parallel_calls)

    def world(self, folder: Path) -> World:
        """The world that convert saved in a folder."""
        return World.load(folder, limits=self.limits, max_results=self.max_results)

    @contextmanager
    def open_users(self, scenarios: Sequence[Scenario], open_model: OpenModel) -> Iterator[Users]:
        """The factory of the users that :attr:`user` names, until the context ends.

        Args:
            scenarios: The scenarios to play.
            open_model: Connects to a model's endpoint; its second argument names the setting.

        Raises:
            ValueError: a user played by a model has no endpoint, or ``guide`` no human dialogue to
                follow.
            Exception: ``open_model`` found no such model.
        """
        require_human(self.user, scenarios)
        if self.user not in NEED_MODEL:
            yield choose_user(self.user)
            return
        if not (self.user_model.url and self.user_model.model):
            raise ValueError(
                f"dialogue.user is {self.user}: set dialogue.user_model.url and "
                "dialogue.user_model.model to the endpoint that plays it"
            )
        with open_model(self.user_model, "dialogue.user_model") as model:
            yield choose_user(self.user, model)

    async def start(
        self,
        scenario: Scenario,
        world: World,
        users: Users,
        seed: int,
        opening: Sequence[Message] | None = None,
    ) -> Episode:
        """Begin the dialogue of a scenario; the user speaks first.

        Args:
            users: The factory of its user: see :meth:`open_users`.
            opening: The first messages of a dialogue that is restored; the user is then not asked.
        """
        return await Episode.start(
            scenario,
            world,
            users(seed),
            system_prompt=self.system_prompt,
            seed=seed,
            opening=opening,
        )
