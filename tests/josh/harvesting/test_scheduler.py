"""Many dialogues at once: bounded, pinned, patient, and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialogue.endpoints.retries import Retry
from dialogue.errors import Fault
from josh.harvesting.scheduler import AHEAD, Limits, harvest_all
from josh.search.config import JoshConfig
from josh.tree.tree import Tree
from josh.tree.tree_json import to_bytes
from services.engines.recorded import NotRecorded, RecordedPolicy, RecordingPolicy
from tests.helpers.fakes import FakeEpisode, Luck, Message, say

QUICK = Retry(first_wait=0.001, longest_wait=0.002, patience=5)


async def start(_scenario: str, _opening: Sequence[Message] | None) -> FakeEpisode:
    return FakeEpisode(frozenset("ab"))


async def named(scenario: str, _opening: object) -> FakeEpisode:
    """A dialogue that can be told from the others."""
    return FakeEpisode(frozenset("a"), [{"role": "user", "content": scenario}])


def harvested(count: int, policy: Any, **options: Any) -> list[Tree]:
    options = {"start": start, "config": JoshConfig(turns=4), "retry": QUICK, **options}

    async def all_trees() -> list[Tree]:
        names = [f"s{number}" for number in range(count)]
        return [tree async for tree in harvest_all(names, policy=policy, **options)]

    return asyncio.run(all_trees())


class Slow(Luck):
    """Takes its time, and counts how many are asking."""

    def __init__(self, seconds: float = 0.001) -> None:
        super().__init__()
        self.seconds = seconds
        self.now = self.most = 0
        self.order: list[tuple[Message, ...]] = []

    async def __call__(self, *prompt: Sequence[Message], seed: int) -> Any:
        self.order.append(tuple(prompt[0]))
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds * (1 + seed % 3))
        self.now -= 1
        return await super().__call__(*prompt, seed=seed)


def test_trees_come_in_order_and_do_not_depend_on_the_limits() -> None:
    serial = harvested(12, Slow(), limits=Limits(dialogues=1, calls=1))
    assert [tree.scenario for tree in serial] == [f"s{number}" for number in range(12)]
    assert harvested(12, Slow(), limits=Limits(dialogues=5, calls=3)) == serial
    assert harvested(12, Slow(0.003), limits=Limits(dialogues=12)) == serial


def test_calls_are_bounded_and_the_bound_is_used() -> None:
    policy = Slow()
    harvested(10, policy, limits=Limits(dialogues=10, calls=7))
    assert policy.most == 7


def test_dialogues_are_bounded() -> None:
    now, most = 0, 0

    class Counted(FakeEpisode):
        async def step(self, message: Message) -> Any:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.0005)
            now -= 1
            return await super().step(message)

    async def counted(_scenario: str, _opening: object) -> Counted:
        return Counted(frozenset("ab"))

    harvested(9, Slow(), start=counted, config=JoshConfig(beam=1), limits=Limits(dialogues=3))
    assert most == 3


def test_a_slow_dialogue_does_not_hold_up_the_others() -> None:
    ended = []

    class First(Luck):
        async def __call__(self, *prompt: Any, seed: int) -> Any:
            if prompt[0][0]["content"] == "s0":
                await asyncio.sleep(0.2)
                ended.append("slow")
            ended.append("quick")
            return await super().__call__(*prompt, seed=seed)

    config = JoshConfig(beam=1, turns=1, calls=1)
    trees = harvested(2 * AHEAD, First(), start=named, config=config, limits=Limits(dialogues=2))
    assert ended.index("slow") == 2 * AHEAD - 1, "all the others were over before it"
    assert trees[0].scenario == "s0"


def test_siblings_are_sent_together() -> None:
    policy = Slow()
    config, limits = JoshConfig(turns=3), Limits(dialogues=6, calls=4)
    harvested(12, policy, start=named, config=config, limits=limits)
    first_calls = [prompt for prompt in policy.order if prompt[-1]["role"] == "user"]
    assert len(first_calls) > 30
    assert all(a == b for a, b in zip(first_calls[::2], first_calls[1::2], strict=True))


class Dying(Luck):
    """Cannot be reached while it is down."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.refused = 0

    async def __call__(self, *prompt: Any, seed: int) -> Any:
        await asyncio.sleep(0.0005)
        if self.down:
            self.refused += 1
            raise ConnectionRefusedError("nobody there")
        return await super().__call__(*prompt, seed=seed)


async def fails_for_a_while(policy: Dying) -> None:
    await asyncio.sleep(0.01)
    policy.down = True
    await asyncio.sleep(0.1)
    policy.down = False


def test_an_engine_that_dies_and_comes_back_costs_time_not_data() -> None:
    async def run() -> list[Tree]:
        policy = Dying()
        outage = asyncio.create_task(fails_for_a_while(policy))
        names = [f"s{number}" for number in range(20)]
        config = JoshConfig(turns=4)
        trees = [tree async for tree in harvest_all(names, start, policy, config, retry=QUICK)]
        await outage
        assert policy.refused > 20
        return trees

    assert asyncio.run(run()) == harvested(20, Luck())


def test_what_outlasts_the_patience_is_a_fault_in_the_end() -> None:
    async def hangs(*_: Any, **__: Any) -> None:
        raise TimeoutError("no answer")

    trees = harvested(2, hangs, retry=replace(QUICK, patience=0.05))
    assert all(tree.error and "policy: TimeoutError: no answer" in tree.error for tree in trees)
    assert all(tree.golden_leaf is None and not tree.bad for tree in trees)


def test_what_an_engine_waited_for_is_not_waited_for_again() -> None:
    tries = []

    async def waited(*_: Any, seed: int) -> None:
        tries.append(seed)
        raise Fault("nobody there, for ten minutes")

    (tree,) = harvested(1, waited, config=JoshConfig(beam=1))
    assert tree.error == "s0 0:0: policy: nobody there, for ten minutes"
    assert len(tries) == 1


def test_a_start_that_fails_is_a_tree_with_an_error() -> None:
    async def fails(scenario: str, _opening: object) -> FakeEpisode:
        if scenario == "s1":
            raise KeyError("no such scenario")
        return await start(scenario, None)

    errors = [tree.error for tree in harvested(3, Luck(), start=fails)]
    assert errors == [None, "s1: start: KeyError: 'no such scenario'", None]


def test_a_scenario_twice_is_refused() -> None:
    async def run() -> None:
        async for _ in harvest_all(["s", "s"], start, Luck()):
            pass

    with pytest.raises(ValueError, match="listed twice"):
        asyncio.run(run())


def test_what_may_not_pass_stands_at_once() -> None:
    tries = 0

    async def attempt() -> None:
        nonlocal tries
        tries += 1
        raise KeyError("a mistake")

    with pytest.raises(Fault, match="x: KeyError: 'a mistake'"):
        asyncio.run(QUICK("x", attempt))
    assert tries == 1


def test_a_recording_is_played_again_bit_for_bit(tmp_path: Path) -> None:
    path, sampling = tmp_path / "calls.jsonl", {"temperature": 1.0}
    with RecordingPolicy(Slow(), path, model="m", sampling=sampling) as policy:
        first = harvested(5, policy)
    again = harvested(5, RecordedPolicy(path, model="m", sampling=sampling))
    assert [to_bytes(tree) for tree in again] == [to_bytes(tree) for tree in first]


def test_a_recording_answers_nothing_it_was_not_asked(tmp_path: Path) -> None:
    path, prompt = tmp_path / "calls.jsonl", [{"role": "user", "content": "hi"}]
    with RecordingPolicy(Luck(), path, model="m", sampling={"top_p": 1}) as policy:
        asyncio.run(policy(prompt, [], seed=1))
    recorded = RecordedPolicy(path, sampling={"top_p": 1})
    asyncio.run(recorded(prompt, [], seed=1))
    for messages, tools, seed in [
        ([*prompt, say("ho")], [], 1),
        (prompt, [{}], 1),
        (prompt, [], 2),
    ]:
        with pytest.raises(NotRecorded, match="record it again"):
            asyncio.run(recorded(messages, tools, seed=seed))


def test_a_recording_is_of_one_model_and_one_sampling(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    with RecordingPolicy(Luck(), path, model="m", sampling={"top_p": 1}):
        pass
    for model, sampling in [("n", {"top_p": 1}), ("m", {"top_p": 0.9}), (None, {})]:
        with pytest.raises(ValueError, match="was recorded with"):
            RecordedPolicy(path, model=model, sampling=sampling)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=":1: damaged"):
        RecordedPolicy(path, sampling={"top_p": 1})
