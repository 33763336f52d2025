"""The policies that need no model, each played in the synthetic world against the agenda user."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import pytest

from dialogue.protocols import Message, Policy
from dialogue.seeds import stable_seed
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy
from toolwoz.agents.oracle import Oracle
from toolwoz.agents.random import RandomCalls
from toolwoz.agents.shortcut import Shortcut
from toolwoz.conversion.conversion import Conversion
from toolwoz.evaluation.audit import Failure, audit
from toolwoz.users.agenda import AgendaUser
from toolwoz.world.episode import Episode
from toolwoz.world.scenario import Mode, Scenario
from toolwoz.world.world import World


async def play(policy: Policy, scenario: Scenario, world: World, seed: int) -> Episode:
    episode = await Episode.start(scenario, world, AgendaUser(seed), seed=seed)
    while not episode.done:
        turn = len(episode.messages)
        completion = await policy(episode.messages, episode.tools, seed=stable_seed(seed, turn))
        assert completion is not None
        await episode.step(completion.message)
    return episode


def play_all(
    policy: Callable[[Scenario], Policy], scenarios: Iterable[Scenario], world: World, seed: int = 0
) -> list[Episode]:
    async def games() -> list[Episode]:
        return [await play(policy(one), one, world, seed) for one in scenarios]

    return asyncio.run(games())


def won(episodes: Iterable[Episode]) -> float:
    outcomes = [episode.earned == episode.goals for episode in episodes]
    return sum(outcomes) / len(outcomes)


def turns(episode: Episode) -> int:
    return sum(m["role"] == "assistant" and not m.get("tool_calls") for m in episode.messages)


@pytest.fixture(scope="module")
def town(synthetic: Mapping[Mode, Conversion]) -> Conversion:
    return synthetic["v2"]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_expert_wins_every_dialogue_in_few_turns(town: Conversion, seed: int) -> None:
    expert = Expert(town.world)
    episodes = play_all(lambda _: expert, town.scenarios, town.world, seed)
    assert won(episodes) == 1.0
    assert sum(map(turns, episodes)) / len(episodes) < 7
    assert max(map(turns, episodes)) <= 12


def test_the_expert_makes_no_bad_call_and_copies_every_argument(town: Conversion) -> None:
    expert = Expert(town.world)
    for episode in play_all(lambda _: expert, town.scenarios, town.world):
        seen = ""
        for message in episode.messages:
            for call in message.get("tool_calls", ()):
                arguments = json.loads(call["function"]["arguments"])
                # Flags are the one kind of value that is said in other words.
                assert all(v in seen for v in arguments.values() if v not in ("yes", "no"))
            if message["role"] == "tool":
                assert "error" not in json.loads(message["content"])
            seen += str(message["content"])


def test_the_expert_does_not_need_to_know_the_scenario(town: Conversion) -> None:
    """Same words, same seed: same message, whatever the goal behind the words."""
    expert = Expert(town.world)
    history = [{"role": "user", "content": "I need a place to eat in the north."}]
    messages = [asyncio.run(expert(history, [], seed=1)).message for _ in range(2)]
    (call,) = messages[0]["tool_calls"]
    assert messages[0] == messages[1]
    assert call["function"] == {"name": "search_restaurant", "arguments": '{"area": "north"}'}


def test_the_oracle_makes_exactly_the_goal_calls(town: Conversion) -> None:
    for episode in play_all(Oracle, town.scenarios, town.world):
        made = [
            call["function"]["name"] for m in episode.messages for call in m.get("tool_calls", ())
        ]
        assert made == [goal.tool for goal in episode.scenario.goals]
        assert episode.earned == episode.goals


def test_noise_costs_rewards_and_none_is_none(town: Conversion) -> None:
    expert = Expert(town.world)
    shares = [
        won(play_all(lambda _: Noisy(expert, rate), town.scenarios[:40], town.world))  # noqa: B023
        for rate in (0.0, 0.5, 1.0)
    ]
    assert shares[0] == 1.0
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 0.2


def test_shortcuts_cost_rewards_but_make_no_call_that_fails(town: Conversion) -> None:
    expert = Expert(town.world)
    games = [
        play_all(lambda _: Shortcut(expert, share), town.scenarios[:40], town.world)  # noqa: B023
        for share in (0.0, 0.5, 1.0)
    ]
    shares = [won(episodes) for episodes in games]
    assert shares[0] == 1.0
    assert shares[0] > shares[1] > shares[2]
    assert not any("error" in str(m["content"]) for m in _answers(games[2]))


def test_who_always_takes_shortcuts_says_it_booked_and_books_nothing(town: Conversion) -> None:
    hasty = Shortcut(Expert(town.world), 1.0)
    episodes = play_all(lambda _: hasty, town.scenarios[:40], town.world)
    assert not any(m["name"].startswith("book") for m in _answers(episodes))
    said = [m["content"] for e in episodes for m in e.messages if m["role"] == "assistant"]
    assert any("booked" in text for text in said)


def test_who_takes_shortcuts_searches_with_the_last_words_alone(town: Conversion) -> None:
    episodes = play_all(
        lambda _: Shortcut(Expert(town.world), 1.0), town.scenarios[:40], town.world
    )
    for episode in episodes:
        for before, message in pairwise(episode.messages):
            for call in message.get("tool_calls", ()):
                values = json.loads(call["function"]["arguments"]).values()
                said = [value.lower() in before["content"].lower() for value in values]
                assert all(said) or not any(said)


def _answers(episodes: Iterable[Episode]) -> list[Message]:
    return [m for episode in episodes for m in episode.messages if m["role"] == "tool"]


@pytest.mark.parametrize("rate", [-0.1, 1.1])
@pytest.mark.parametrize("spoilt", [Noisy, Shortcut])
def test_a_rate_is_a_probability(
    town: Conversion, spoilt: type[Noisy | Shortcut], rate: float
) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        spoilt(Expert(town.world), rate)


def test_random_calls_fit_the_schemas_and_win_nothing(town: Conversion) -> None:
    episodes = play_all(lambda _: RandomCalls(), town.scenarios, town.world)
    answers = [
        m["content"]
        for episode in episodes
        for m in episode.messages
        if m["role"] == "tool" and m["name"].startswith("search")
    ]
    assert answers
    assert not any("not accepted" in answer for answer in answers)
    assert won(episodes) < 0.02


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_no_agents_mistakes_are_blamed_on_the_agenda_user(town: Conversion, rate: float) -> None:
    expert = Expert(town.world)
    agents: list[Callable[[Scenario], Policy]] = [
        lambda _: Noisy(expert, rate),
        lambda _: Shortcut(expert, rate),
        lambda scenario: Noisy(Oracle(scenario), rate),
        lambda _: RandomCalls(),
    ]
    for agent in agents:
        for episode in play_all(agent, town.scenarios[:30], town.world):
            limit = town.world.limits.messages
            found = audit(episode.scenario, episode.messages, episode.earned, max_messages=limit)
            assert found.missed.keys() == episode.goals - episode.earned
            assert Failure.USER_FAULT not in found.missed.values()


@pytest.mark.data
def test_the_expert_wins_the_real_test_dialogues(
    real_conversions: Mapping[Mode, Conversion],
) -> None:
    conversion = real_conversions["v2"]
    expert = Expert(conversion.world)
    tested = [one for one in conversion.scenarios if one.split == "test"]
    assert won(play_all(lambda _: expert, tested, conversion.world)) >= 0.99
    assert won(play_all(Oracle, tested, conversion.world)) >= 0.99
