"""Runs of a toy world: a guessing game, whose user and world are one small class."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.protocols import Completion, Message, Policy, Tool
from dialogue.records import RecordError
from dialogue.seeds import stable_seed
from toolwoz.evaluation.runs.result import Result
from toolwoz.evaluation.runs.results_file import NAME, read_run
from toolwoz.evaluation.runs.runner import play, run
from toolwoz.world.scenario import Goal, Scenario

GOALS = (Goal("search_hotel", "search_hotel", {}), Goal("book_hotel", "book_hotel", {}))
SCENARIOS = [Scenario(f"s{i}", "test", "v2", (), GOALS) for i in range(6)]


@dataclass
class Game:
    """Whoever names a goal earns it; three messages end it."""

    seed: int
    messages: list[Message] = field(default_factory=lambda: [{"role": "user", "content": "Guess!"}])
    tools: Sequence[Tool] = ()
    earned: set[str] = field(default_factory=set)
    left: int = 3

    @property
    def done(self) -> bool:
        return not self.left

    async def step(self, message: Message) -> None:
        self.left -= 1
        self.earned |= {goal.id for goal in GOALS if goal.id in message["content"]}
        self.messages += [message, {"role": "user", "content": "Again!"}]


async def start(_: Scenario, seed: int) -> Game:
    return Game(seed)


@dataclass
class Guesser:
    """Guesses by its seed alone, and keeps count of what happens to it."""

    calls: int = 0
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, *_: object, seed: int) -> Completion | None:
        self.calls += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        guess = GOALS[seed % 2].id if seed % 3 else "no idea"
        return Completion({"role": "assistant", "content": guess}, prompt_tokens=7)


def play_all(policy: Policy, **options: object) -> list[Result]:
    settings: dict[str, object] = {"concurrency": 4, **options}
    return asyncio.run(run(policy, SCENARIOS, start, **settings))  # type: ignore[arg-type]  # options are free


def test_results_come_by_scenario_and_trial() -> None:
    results = play_all(Guesser(), trials=2)
    assert [result.key for result in results[:3]] == [("s0", 0), ("s0", 1), ("s1", 0)]
    assert len(results) == 12
    assert results[0].prompt_tokens == 21
    assert results[0].turns == 3


def test_no_more_than_so_many_dialogues_at_once() -> None:
    policy = Guesser()
    play_all(policy, trials=5, concurrency=4)
    assert policy.most_at_once == 4


def test_a_dialogue_depends_on_its_seeds_and_not_on_its_neighbours() -> None:
    alone, together = play_all(Guesser(), concurrency=1), play_all(Guesser(), concurrency=6)
    assert alone == together
    assert play_all(Guesser(), seed=1) != alone
    assert len({result.messages for result in map(frozen, play_all(Guesser(), trials=8))}) > 5


def frozen(result: Result) -> Result:
    return replace(result, messages=tuple(message["content"] for message in result.messages))


def test_a_finished_dialogue_is_never_played_again(tmp_path: Path) -> None:
    first = play_all(Guesser(), out=tmp_path)
    again = Guesser()
    assert play_all(again, out=tmp_path) == first
    assert again.calls == 0
    assert len(play_all(again, out=tmp_path, trials=2)) == 12
    assert again.calls == 18


class Slow(Guesser):
    """Takes the longer the smaller its seed is."""

    async def __call__(self, *_: object, seed: int) -> Completion | None:
        await asyncio.sleep(0.02 * (1 - seed % 97 / 97))
        return await super().__call__(seed=seed)


def test_the_file_is_the_same_whatever_ended_first(tmp_path: Path) -> None:
    play_all(Guesser(), out=tmp_path / "one", trials=2, concurrency=1)
    play_all(Slow(), out=tmp_path / "two", trials=2, concurrency=12)
    assert (tmp_path / "one" / NAME).read_bytes() == (tmp_path / "two" / NAME).read_bytes()


def test_what_was_being_written_is_played_again(tmp_path: Path) -> None:
    first = play_all(Guesser(), out=tmp_path)
    file = tmp_path / NAME
    file.write_bytes(file.read_bytes()[:-20])
    again = Guesser()
    assert play_all(again, out=tmp_path) == first
    assert again.calls == 3
    assert len(file.read_text().splitlines()) == 7


def test_a_header_that_was_being_written_is_written_again(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"schema_ver')
    assert len(play_all(Guesser(), out=tmp_path)) == 6
    run_ = read_run(tmp_path / NAME)
    assert run_ is not None
    assert run_.configuration == {"seed": 0}


def test_a_damaged_line_is_named_to_readers_and_played_again_by_who_goes_on(
    tmp_path: Path,
) -> None:
    first = play_all(Guesser(), out=tmp_path)
    file = tmp_path / NAME
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], b'{"scenario": "s0"}\n', *lines[4:]]))
    with pytest.raises(RecordError, match=r"results\.jsonl:4: .*; remove the line"):
        read_run(file)
    again = Guesser()
    assert play_all(again, out=tmp_path) == first
    assert again.calls == 3
    assert file.read_bytes() == whole


class Killed(BaseException):
    """The process ends here."""


class Dying(Guesser):
    async def __call__(self, *_: object, seed: int) -> Completion | None:
        if self.calls >= 12:
            raise Killed
        return await super().__call__(seed=seed)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bytes_flipped_cut_out_or_put_in_change_no_result(data: Any) -> None:
    with TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / NAME
        with pytest.raises(BaseExceptionGroup):
            play_all(Dying(), out=folder, concurrency=1)
        begun = bytearray(file.read_bytes())
        assert begun.count(b"\n") > 3
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(begun) - 1))
            width = data.draw(st.integers(0, 200))
            put = data.draw(st.sampled_from([b"", b"\n", b"\0" * 9, b"7", b'"', b"\xff"]))
            begun[at : at + width] = put or bytes([begun[at] ^ 1 << data.draw(st.integers(0, 7))])
        file.write_bytes(begun)
        try:
            play_all(Guesser(), out=folder)
        except RecordError as error:
            line = str(error)
            assert re.fullmatch(rf"{file}(:1: .*: delete it| belongs .*; choose).*", line)
        else:
            play_all(Guesser(), out=folder / "whole")
            assert file.read_bytes() == (folder / "whole" / NAME).read_bytes()


def test_a_missing_file_says_who_writes_it(tmp_path: Path) -> None:
    with pytest.raises(
        RecordError, match="No such file or directory; `python -m toolwoz evaluate`"
    ):
        read_run(tmp_path / NAME)


def test_two_runs_never_write_the_same_file(tmp_path: Path) -> None:
    async def nested(*_: object, **__: object) -> Completion:
        await run(Guesser(), SCENARIOS, start, concurrency=1, out=tmp_path)
        raise AssertionError("the inner run was let in")

    results = asyncio.run(run(nested, SCENARIOS[:1], start, concurrency=1, out=tmp_path))
    assert "another process is writing it" in str(results[0].error)


async def broken(messages: Sequence[Message], *_: object, **__: object) -> Completion:
    """An engine that dies in the middle of every dialogue."""
    if len(messages) > 2:
        raise ConnectionError("engine gone")
    return Completion({"role": "assistant", "content": "search_hotel book_hotel"})


def test_a_dead_engine_leaves_dialogues_unscored_and_a_live_one_plays_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = play_all(broken, out=tmp_path)
    assert {result.error for result in results} == {"ConnectionError: engine gone"}
    assert not any(result.scored for result in results)
    assert results[0].earned == ("search_hotel", "book_hotel")
    assert "s0, trial 0, is unscored: ConnectionError: engine gone" in caplog.text
    assert play_all(Guesser(), out=tmp_path) == play_all(Guesser())


def test_a_user_that_fails_to_speak_leaves_the_dialogue_unscored() -> None:
    async def dead(*_: object) -> Game:
        raise TimeoutError("no user")

    result = asyncio.run(play(Guesser(), SCENARIOS[0], dead))
    assert (result.error, result.messages) == ("TimeoutError: no user", ())


def test_a_full_context_ends_the_dialogue_with_what_it_earned() -> None:
    async def short(messages: Sequence[Message], *_: object, **__: object) -> Completion | None:
        if len(messages) > 2:
            return None
        return Completion({"role": "assistant", "content": "search_hotel"})

    result = asyncio.run(play(short, SCENARIOS[0], start))
    assert (result.truncated, result.reward, result.error) == (True, 0.5, None)


def test_progress_is_logged_where_there_is_no_terminal(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dialogue"):
        play_all(Guesser())
    assert "dialogues: 6 of 6, reward 0." in caplog.text


KILLED = """
import asyncio, pathlib, sys
sys.path.insert(0, {tests!r})
from test_runner import *

class Slow(Guesser):
    async def __call__(self, messages, tools, *, seed):
        await asyncio.sleep(0.01)
        return await super().__call__(messages, tools, seed=seed)

asyncio.run(run(Slow(), SCENARIOS, start, concurrency=2, trials=40, out=pathlib.Path({out!r})))
"""


def test_a_killed_run_continues_and_ends_the_same(tmp_path: Path) -> None:
    script = KILLED.format(tests=str(Path(__file__).parent), out=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", script])
    file = tmp_path / NAME
    while process.poll() is None and (not file.exists() or file.read_bytes().count(b"\n") < 20):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = read_run(file)
    assert kept is not None
    assert 10 < len(kept.results) < 240
    again = Guesser()
    assert play_all(again, trials=40, out=tmp_path) == play_all(Guesser(), trials=40)
    assert again.calls == 3 * (240 - len(kept.results))


def test_seeds_are_the_same_everywhere_and_differ_by_purpose() -> None:
    assert stable_seed(0, "PMUL0001", 3) == 1_014_068_163
    assert stable_seed("1", "2") != stable_seed("12")
    assert json.loads(json.dumps(stable_seed(1))) < 2**31
