"""How a dialogue is played: the same world, limits, user and prompt wherever a policy is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolwoz.completion import Message
from toolwoz.episode import Episode
from toolwoz.scenario import Scenario, Split, read_scenarios
from toolwoz.seeds import stable_seed
from toolwoz.users import UserSimulator
from toolwoz.world import Limits, World

UserName = Literal["agenda", "goal", "guide"]
Users = Callable[[int], UserSimulator]
"""Makes the user of one dialogue from its seed."""


@dataclass(frozen=True, slots=True)
class UserModel:
    """The model that plays the user, where one does.

    Attributes:
        url: Of an OpenAI-compatible endpoint, up to and with ``/v1``.
        model: Name that the endpoint knows it by.
        api_key_env: Name of the environment variable that holds the endpoint's key; "" for none.
        temperature: Of sampling.
        max_tokens: Most tokens of one utterance.
        timeout: Seconds the endpoint may take for an answer.
    """

    url: str = ""
    model: str = ""
    api_key_env: str = ""
    temperature: float = 0.7
    max_tokens: int = 256
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class DialogueConfig:
    """The section ``dialogue``, shared by bootstrap, harvest and evaluate.

    Attributes:
        system_prompt: First message of every dialogue; left out if empty.
        max_results: Rows a search lists (mode ``v2``).
        max_messages: Utterances of user and agent together before a dialogue is cut off.
        max_model_calls: Assistant messages with tool calls before the agent must speak.
        max_parallel_calls: Tool calls answered per assistant message.
        user: Who talks to the agent: ``agenda`` (rules, no model), ``goal`` (a model that knows the
            goal), ``guide`` (one that also follows the human dialogue of the scenario).
        user_model: What plays the user of ``goal`` and ``guide``.
    """

    system_prompt: str
    max_results: int
    max_messages: int
    max_model_calls: int
    max_parallel_calls: int
    user: UserName
    user_model: UserModel

    @property
    def limits(self) -> Limits:
        return Limits(self.max_messages, self.max_model_calls, self.max_parallel_calls)

    def world(self, folder: Path) -> World:
        """The world that convert saved in a folder."""
        return World.load(folder, limits=self.limits, max_results=self.max_results)

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
            users: Makes its user: see :func:`tasks.users.open_users`.
            opening: How it began before, where it did; the user is then not asked.
        """
        return await Episode.start(
            scenario,
            world,
            users(seed),
            system_prompt=self.system_prompt,
            seed=seed,
            opening=opening,
        )


def take(folder: Path, split: Split, count: int, skip: int = 0) -> list[Scenario]:
    """``count`` scenarios of a split of the converted corpus, after its first ``skip``.

    MultiWOZ sorts its dialogues by kind, so a split is gone through in an order of chance, the same
    for every seed: any part of it is a sample of the whole.

    Raises:
        ValueError: the split has fewer.
    """
    return _at_least(folder, split, skip + count)[skip : skip + count]


def take_last(folder: Path, split: Split, count: int) -> list[Scenario]:
    """The last ``count`` scenarios of a split, in the order of :func:`take`.

    Raises:
        ValueError: the split has fewer.
    """
    found = _at_least(folder, split, count)
    return found[len(found) - count :]


def _at_least(folder: Path, split: Split, count: int) -> list[Scenario]:
    found = list(read_scenarios(folder / "scenarios.jsonl", split))
    if len(found) < count:
        raise ValueError(
            f"the {split} split has {len(found)} scenarios, params.yaml asks for {count}: "
            "lower the number, or fetch a larger corpus"
        )
    return sorted(found, key=lambda scenario: (stable_seed("order", scenario.id), scenario.id))
