"""`make chat`: a person is the user, and sees calls, answers and what was earned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dialogue.protocols import Completion, Message, Tool
from dialogue.strict_json import dumps
from dialogue.tool_text import FunctionCall, assistant
from flows.tools import chat
from tests.helpers.recording import DIALOGUE
from toolwoz.conversion.conversion import convert
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.sources import SyntheticConfig, fetch
from toolwoz.evaluation.transcript import Transcript
from toolwoz.world.episode import Episode
from toolwoz.world.scenario import Scenario, write_scenarios


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chat")
    raw = fetch("synthetic", root / "raw", synthetic=SyntheticConfig(3, 4, 2, 2))
    conversion = convert(read_corpus(raw), "v2")
    conversion.world.save(root / "data/toolwoz")
    write_scenarios(root / "data/toolwoz/scenarios.jsonl", conversion.scenarios)
    return root


def typing(monkeypatch: pytest.MonkeyPatch, *lines: str) -> Iterator[str]:
    left = iter(lines)

    def read(prompt: str) -> str:
        print(prompt)
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    return left


class Clerk:
    """Makes the scenario's first goal call, and then says so."""

    def __init__(self, scenario: Scenario) -> None:
        goal = scenario.goals[0]
        self.call = FunctionCall(goal.tool, dumps({**goal.arguments, **goal.entity}))

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion:
        del tools, seed
        asked = messages[-1]["role"] == "user"
        return Completion(assistant("", [self.call]) if asked else assistant("That is done."))


def test_calls_answers_and_what_they_earn_are_shown(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(corpus)
    some = chat.chosen("")
    scenario = chat.chosen(some.id)
    assert scenario.goals
    assert not some.goals, "free talk has none"
    left = typing(monkeypatch, "find it", "thank you")
    world = DIALOGUE.world(corpus / "data/toolwoz")

    async def played() -> Episode:
        episode = await Episode.start(scenario, world, chat.Person())
        await chat.talk(Clerk(scenario), episode, Transcript(), seed=0)
        return episode

    episode = asyncio.run(played())
    assert list(left) == [], "it ends with the input"
    said = capsys.readouterr().out
    assert said.index(f"⚙ {scenario.goals[0].tool}") < said.index("→ ") < said.index("That is done")
    assert said.count("  you  ") == 3
    assert said.index("That is done") < said.rindex("  you  "), "an answer stands before one's turn"
    assert ("✓" in said) == bool(episode.earned)


def test_what_is_missing_is_said_in_a_line(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(corpus)
    assert chat.main(["--scenario", "NONE"]) == 1
    assert "has no scenario NONE" in capsys.readouterr().err
    monkeypatch.chdir(corpus / "raw")
    assert chat.main([]) == 1
    assert "run `make repro` first" in capsys.readouterr().err


def test_the_policy_is_what_the_rounds_led_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("base", "r1", "r2", "r10"):
        Path("models", name).mkdir(parents=True)
    Path("models/r10/stopped.json").write_text('{"round": "r2", "reason": "a loss"}')
    assert chat.latest() == Path("models/r2")
