"""Episodes: the contract, the limits, and 10,000 messages of nonsense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogue.conformance import SPEECH, check_episode
from dialogue.protocols import Message
from tests.toolwoz.world.moves import calls, goal_calls, limited, talker
from toolwoz.conversion.conversion import Conversion
from toolwoz.conversion.proof import prove
from toolwoz.world.episode import SYSTEM_PROMPT, Episode
from toolwoz.world.rules import Limits
from toolwoz.world.scenario import Mode, Scenario

MODES: tuple[Mode, ...] = ("parity", "v2")


async def dead(_: Scenario, messages: Sequence[Message]) -> str | None:
    if messages:
        raise ConnectionError("the user's engine is gone")
    return "Hello."


@pytest.mark.parametrize("mode", MODES)
def test_toolwoz_is_an_episode(synthetic: Mapping[Mode, Conversion], mode: Mode) -> None:
    world = synthetic[mode].world
    longest = max(synthetic[mode].scenarios, key=lambda s: len(prove(world, s).earned))
    script = goal_calls(world, longest)
    spoken = [message for call in script for message in (call, SPEECH)]
    asyncio.run(check_episode(lambda: Episode.start(longest, world, talker), spoken))


@pytest.mark.parametrize("mode", MODES)
def test_the_goal_calls_earn_what_the_replay_says(
    synthetic: Mapping[Mode, Conversion], mode: Mode
) -> None:
    async def run() -> None:
        world = replace(synthetic[mode].world, limits=Limits(100, 100, 100))
        for scenario in synthetic[mode].scenarios:
            episode = await Episode.start(scenario, world, talker)
            for message in goal_calls(world, scenario):
                await episode.step(message)
            assert episode.earned == prove(world, scenario).earned

    asyncio.run(run())


def test_it_opens_with_the_system_prompt_and_the_user(tiny: Mapping[Mode, Conversion]) -> None:
    scenario, world = tiny["v2"].scenarios[0], tiny["v2"].world
    episode = asyncio.run(Episode.start(scenario, world, talker))
    assert episode.messages == (
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": "I have heard 0 messages."},
    )
    bare = asyncio.run(Episode.start(scenario, world, talker, system_prompt=""))
    assert [message["role"] for message in bare.messages] == ["user"]


def test_the_user_hears_speech_only(tiny: Mapping[Mode, Conversion]) -> None:
    heard: list[Message] = []

    async def listener(_: Scenario, messages: Sequence[Message]) -> str | None:
        heard[:] = messages
        return "Go on."

    async def run() -> None:
        scenario, world = tiny["v2"].scenarios[0], tiny["v2"].world
        episode = await Episode.start(scenario, world, listener)
        await episode.step(calls(("search_hotel", {})) | {"content": "Let me think."})
        await episode.step({"role": "assistant", "content": "There are four."})

    asyncio.run(run())
    assert heard == [
        {"role": "user", "content": "Go on."},
        {"role": "assistant", "content": "There are four."},
    ]


def test_scenario_and_world_must_agree(tiny: Mapping[Mode, Conversion]) -> None:
    with pytest.raises(ValueError, match="is of mode v2, the world of parity"):
        asyncio.run(Episode.start(tiny["v2"].scenarios[0], tiny["parity"].world, talker))


def test_a_user_whose_engine_fails_leaves_the_episode_as_it_was(
    tiny: Mapping[Mode, Conversion],
) -> None:
    async def run() -> None:
        episode = await Episode.start(tiny["v2"].scenarios[0], tiny["v2"].world, dead)
        await episode.step(calls(("search_hotel", {})))
        before = episode.messages
        with pytest.raises(ConnectionError):
            await episode.step(SPEECH)
        assert (episode.messages, episode.done) == (before, False)
        await episode.step(calls(("search_hotel", {})))

    asyncio.run(run())


@pytest.mark.parametrize(("messages", "agent_turns"), [(15, 7), (6, 3), (2, 1)])
def test_the_dialogue_ends_at_the_limit(
    tiny: Mapping[Mode, Conversion], messages: int, agent_turns: int
) -> None:
    async def run() -> Episode:
        world = limited(tiny["v2"].world, messages=messages)
        episode = await Episode.start(tiny["v2"].scenarios[0], world, talker)
        while not (await episode.step(SPEECH)).done:
            pass
        return episode

    history = asyncio.run(run()).messages
    assert sum(m["role"] == "assistant" for m in history) == agent_turns
    assert sum(m["role"] != "system" for m in history) == messages


def test_an_agent_that_never_speaks_is_cut_off(tiny: Mapping[Mode, Conversion]) -> None:
    async def run() -> None:
        scenario = tiny["v2"].scenarios[0]
        world = limited(tiny["v2"].world, model_calls=2)
        episode = await Episode.start(scenario, world, talker)
        first = goal_calls(world, scenario)[0]
        for _ in range(2):
            assert not (await episode.step(calls(("search_hotel", {})))).done
        last = await episode.fork().step(first)
        assert last.done
        assert not last.earned
        assert "without speaking" in last.messages[0]["content"]
        await episode.step(SPEECH)
        assert (await episode.step(first)).earned

    asyncio.run(run())


def test_guessing_in_bulk_earns_nothing_beyond_the_limit(tiny: Mapping[Mode, Conversion]) -> None:
    async def run() -> None:
        scenario = tiny["v2"].scenarios[0]
        world = limited(tiny["v2"].world, parallel_calls=1)
        episode = await Episode.start(scenario, world, talker)
        goal = scenario.goals[0]
        step = await episode.step(calls(("search_hotel", {}), (goal.tool, dict(goal.arguments))))
        assert not step.earned
        assert "too many calls" in step.messages[1]["content"]
        assert not step.done

    asyncio.run(run())


# Nonsense

ODD: tuple[Any, ...] = (None, "", "x" * 10_000, "\ud800", "é\x00", 0, -1.5, True, [], {}, ["a"])
NAMES: tuple[Any, ...] = ("search_hotel", "book_train", "search", "book_", "drop table", *ODD)
ARGUMENTS: tuple[Any, ...] = (
    *('{"area": "north"}', "{", "null", "[1]", "NaN", '{"area": {"a": 1}}', '{"stars": 1e999}'),
    *('{"trainID": "TR0001", "people": 9}', "[" * 5_000, '{"name": "\\ud800"}', "1" * 5_000),
    *ODD,
)


def nonsense(rng: Random) -> Message:
    entries: list[Any] = [
        {
            "id": rng.choice(ODD),
            "function": {"name": rng.choice(NAMES), "arguments": rng.choice(ARGUMENTS)},
        }
        for _ in range(rng.randrange(4))
    ]
    entries += [rng.choice(ODD)] if rng.random() < 0.2 else []
    entries += [{"function": rng.choice(ODD)}] if rng.random() < 0.2 else []
    message: Message = {"role": "assistant", "content": rng.choice(ODD)}
    return message | ({"tool_calls": rng.choice((entries, entries, *ODD))})


@pytest.mark.parametrize("mode", MODES)
def test_ten_thousand_messages_of_nonsense(
    synthetic: Mapping[Mode, Conversion], mode: Mode
) -> None:
    async def run() -> int:
        rng, played = Random(0), 0
        while played < 10_000:
            scenario = rng.choice(synthetic[mode].scenarios)
            episode = await Episode.start(scenario, synthetic[mode].world, talker)
            while not episode.done:
                step = await episode.fork().step(message := nonsense(rng))
                same = await episode.step(message)
                assert step == same
                for result in same.messages:
                    assert isinstance(result["content"], str)
                    json.dumps(result).encode()
                played += 1
        return played

    assert asyncio.run(run()) >= 10_000


@given(data=st.data())
def test_forks_are_independent(synthetic: Mapping[Mode, Conversion], data: st.DataObject) -> None:
    """However the steps of two forks interleave, each sees only its own."""
    conversion = synthetic["v2"]
    scenario = data.draw(st.sampled_from(conversion.scenarios))
    script = [*goal_calls(conversion.world, scenario), SPEECH, calls(("search_train", {}))]
    moves = data.draw(st.lists(st.tuples(st.booleans(), st.sampled_from(script)), max_size=12))

    async def alone(which: bool) -> Episode:
        episode = await Episode.start(scenario, conversion.world, talker)
        for fork, message in moves:
            if fork is which and not episode.done:
                await episode.step(message)
        return episode

    async def together() -> dict[bool, Episode]:
        origin = await Episode.start(scenario, conversion.world, talker)
        forks = {False: origin, True: origin.fork()}
        for fork, message in moves:
            if not forks[fork].done:
                await forks[fork].step(message)
        return forks

    for which, fork in asyncio.run(together()).items():
        same = asyncio.run(alone(which))
        assert (fork.messages, fork.earned, fork.done) == (same.messages, same.earned, same.done)
