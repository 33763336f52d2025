"""An episode that is told what it answered before asks no user again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from dialogue.conformance import SPEECH
from dialogue.protocols import Message, ReplayableEpisode
from tests.toolwoz.world.moves import calls, goal_calls, limited, talker
from toolwoz.conversion.conversion import Conversion
from toolwoz.world.episode import Episode, Step
from toolwoz.world.scenario import Mode, Scenario


class Moody:
    """A user who never says the same twice."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, _: Scenario, messages: Sequence[Message]) -> str | None:
        self.asked += 1
        return None if len(messages) > 4 else f"This is my {self.asked}. answer."


def test_a_dialogue_is_replayed_without_asking_its_user(tiny: Mapping[Mode, Conversion]) -> None:
    scenario, world = tiny["v2"].scenarios[0], tiny["v2"].world
    script = [*goal_calls(world, scenario)[:1], SPEECH, calls(("no_tool", {})), SPEECH, SPEECH]

    async def run() -> None:
        first, other = await Episode.start(scenario, world, Moody()), Moody()
        again = await Episode.start(scenario, world, other, opening=first.messages)
        for message in script:
            again.replay(message, await first.step(message))
            assert (again.messages, again.earned, again.done) == (
                first.messages,
                first.earned,
                first.done,
            )
        assert isinstance(again, ReplayableEpisode)
        assert other.asked == 0
        assert again.fork().done is first.done
        with pytest.raises(RuntimeError, match="already over"):
            again.replay(SPEECH, Step((), frozenset(), False))

    asyncio.run(run())


def test_replayed_calls_count_towards_the_limit(tiny: Mapping[Mode, Conversion]) -> None:
    scenario, world = tiny["v2"].scenarios[0], limited(tiny["v2"].world, model_calls=1)
    look = calls(("search_hotel", {}))

    async def run() -> None:
        first, again = [await Episode.start(scenario, world, talker) for _ in range(2)]
        again.replay(look, await first.step(look))
        assert (await again.step(look)).done

    asyncio.run(run())
