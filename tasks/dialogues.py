"""How a dialogue is played: the same world, limits, user and prompt wherever a policy is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolwoz.episode import Episode
from toolwoz.scenario import Scenario, Split, read_scenarios
from toolwoz.users import UserSimulator
from toolwoz.users.agenda import AgendaUser
from toolwoz.world import Limits, World


@dataclass(frozen=True, slots=True)
class DialogueConfig:
    """The section ``dialogue``, shared by bootstrap, harvest and evaluate.

    Attributes:
        system_prompt: First message of every dialogue; left out if empty.
        max_results: Rows a search lists (mode ``v2``).
        max_messages: Utterances of user and agent together before a dialogue is cut off.
        max_model_calls: Assistant messages with tool calls before the agent must speak.
        max_parallel_calls: Tool calls answered per assistant message.
        user: Which simulated user talks to the agent.
    """

    system_prompt: str
    max_results: int
    max_messages: int
    max_model_calls: int
    max_parallel_calls: int
    user: Literal["agenda"]

    @property
    def limits(self) -> Limits:
        return Limits(self.max_messages, self.max_model_calls, self.max_parallel_calls)

    def world(self, folder: Path) -> World:
        """The world that convert saved in a folder."""
        return World.load(folder, limits=self.limits, max_results=self.max_results)

    async def start(self, scenario: Scenario, world: World, seed: int) -> Episode:
        """Begin the dialogue of a scenario; the user speaks first."""
        user: UserSimulator = AgendaUser(seed)
        return await Episode.start(
            scenario, world, user, system_prompt=self.system_prompt, seed=seed
        )


def take(folder: Path, split: Split, count: int, skip: int = 0) -> list[Scenario]:
    """``count`` scenarios of a split of the converted corpus, after its first ``skip``.

    Raises:
        ValueError: the split has fewer.
    """
    found = list(read_scenarios(folder / "scenarios.jsonl", split))
    if len(found) < skip + count:
        raise ValueError(
            f"the {split} split has {len(found)} scenarios, params.yaml asks for {skip + count}: "
            "lower the number, or fetch a larger corpus"
        )
    return found[skip : skip + count]
