"""The benchmark on a small synthetic corpus, with policies and users that need no model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from dialogue.records import RecordError
from toolwoz.agents.expert import Expert
from toolwoz.agents.oracle import Oracle
from toolwoz.agents.random import RandomCalls
from toolwoz.conversion.conversion import Conversion, convert
from toolwoz.conversion.dataset import digest, save
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.synthetic import write_corpus
from toolwoz.evaluation.metrics import summarise
from toolwoz.evaluation.runs.benchmark import evaluate
from toolwoz.evaluation.runs.runner import PerScenario
from toolwoz.users.agenda import AgendaUser
from toolwoz.world.scenario import Mode, read_scenarios
from toolwoz.world.world import World


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder, seed=1, train=0, val=0, test=25)
    return convert(read_corpus(folder), "v2")


def test_an_oracle_and_an_expert_win_everything_and_a_guesser_does_not(made: Conversion) -> None:
    policies = {
        "oracle": PerScenario(Oracle),
        "expert": Expert(made.world),
        "random": RandomCalls(),
    }
    success = {
        name: summarise(
            asyncio.run(evaluate(policy, made.scenarios, made.world, AgendaUser, concurrency=4))
        ).success.value
        for name, policy in policies.items()
    }
    assert (success["oracle"], success["expert"]) == (1.0, 1.0)
    assert success["random"] < 0.2


def test_trials_differ_and_runs_do_not(made: Conversion) -> None:
    def play() -> list[object]:
        results = asyncio.run(
            evaluate(
                Expert(made.world), made.scenarios[:3], made.world, AgendaUser,
                concurrency=2, trials=3,
            )
        )  # fmt: skip
        return [result.messages for result in results]

    first = play()
    assert play() == first
    assert len({json.dumps(messages) for messages in first}) == 9


def test_a_run_remembers_what_it_was(made: Conversion, tmp_path: Path) -> None:
    def play(prompt: str) -> None:
        asyncio.run(
            evaluate(
                Expert(made.world), made.scenarios[:2], made.world, AgendaUser,
                concurrency=2, out=tmp_path, system_prompt=prompt,
            )
        )  # fmt: skip

    play("Help.")
    with pytest.raises(RecordError, match=r"system_prompt was 'Help\.', is 'Go\.'"):
        play("Go.")


def test_a_converted_corpus_is_the_same_after_saving(made: Conversion, tmp_path: Path) -> None:
    report = save(made, tmp_path)
    assert tuple(read_scenarios(tmp_path / "scenarios.jsonl")) == made.scenarios
    assert World.load(tmp_path).tools == made.world.tools
    assert json.loads((tmp_path / "conversion.json").read_text()) == report
    assert report["scenarios"] == {"test": len(made.scenarios)}
    assert report["goals"] == {"test": sum(len(s.goals) for s in made.scenarios)}
    assert not list(tmp_path.glob("*.part"))


def test_another_corpus_has_another_digest(made: Conversion, tmp_path: Path) -> None:
    save(made, tmp_path / "a")
    save(made, tmp_path / "b")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    with (tmp_path / "b" / "scenarios.jsonl").open("a") as file:
        file.write("\n")
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


@pytest.mark.data
@pytest.mark.parametrize(("mode", "reward", "success"), [("parity", 0.9789, 0.9404), ("v2", 1, 1)])
def test_the_oracles_ceiling_on_the_real_test_split(
    real_conversions: Mapping[Mode, Conversion], mode: Mode, reward: float, success: float
) -> None:
    real = real_conversions[mode]
    test = [scenario for scenario in real.scenarios if scenario.split == "test"]
    play = evaluate(PerScenario(Oracle), test, real.world, AgendaUser, concurrency=1)
    metrics = summarise(asyncio.run(play))
    assert (metrics.dialogues, metrics.unscored) == (805, 0)
    assert metrics.reward.value == pytest.approx(reward, abs=5e-5)
    assert metrics.success.value == pytest.approx(success, abs=5e-5)
