"""Rounds follow one another, and a policy goes from one to the next with what it earned."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from services.engines.models.adapters import find
from tasks.harvest.job import of_round
from tasks.rounds import sequence
from tasks.rounds.accept import accept
from tasks.rounds.sequence import Round, Stop
from tasks.rounds.start import require_scenarios, start_from
from tests.helpers.loras import write_lora
from tests.helpers.recording import HARVEST, write_corpus
from toolwoz.world.scenario import take


def test_rounds_in_their_order_are_taken() -> None:
    two = {"r1": Round("base"), "r2": Round("r1")}
    assert sequence.in_order(two) is two
    assert [sequence.number(name) for name in two] == [1, 2]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, r"one is `r1: {after: base}`"),
        ({"r1": "base", "r3": "r1"}, r"round 2 is `r2: {after: r1}`, not `r3: {after: r1}`"),
        ({"r1": "base", "r2": "base"}, r"`r2: {after: r1}`, not `r2: {after: base}`"),
        ({"first": "base"}, r"`r1: {after: base}`, not `first: {after: base}`"),
    ],
)
def test_a_gap_is_refused_with_the_line_that_is_missing(given: dict[str, str], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        sequence.in_order({name: Round(after) for name, after in given.items()})


def test_each_round_has_seeds_of_its_own() -> None:
    first, second = (of_round(HARVEST, name).searches["josh"] for name in ("r1", "r2"))
    assert first.seed != second.seed
    assert first == of_round(HARVEST, "r1").searches["josh"]
    assert replace(first, seed=0) == replace(HARVEST.searches["josh"], seed=0)


def test_each_round_has_scenarios_of_its_own(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    ids = [scenario.id for k in range(3) for scenario in take(corpus, "train", 1, skip=k)]
    assert len(set(ids)) == 3


def test_scenarios_are_fresh_or_the_run_does_not_begin() -> None:
    require_scenarios(3, "train", 1, 3, demonstrated=0)
    with pytest.raises(ValueError, match=r"2 rounds of 2 fresh scenarios: .* has 3 .* asks for 4"):
        require_scenarios(3, "train", 2, 2, demonstrated=0)
    require_scenarios(3, "train", 1, 2, demonstrated=1)
    with pytest.raises(
        ValueError, match=r"fresh scenarios, and 1 that bootstrap demonstrates: .* 4"
    ):
        require_scenarios(3, "train", 1, 3, demonstrated=1)


def test_a_note_replaces_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "r2").mkdir()
    (tmp_path / "r2" / "model.safetensors").write_bytes(b"of an earlier run")
    assert sequence.read_stop(tmp_path / "r2") is None
    sequence.write_stop(Stop("r1", "a loss"), tmp_path / "r2")
    assert [path.name for path in (tmp_path / "r2").iterdir()] == [sequence.STOP_FILE]
    assert str(sequence.read_stop(tmp_path / "r2")) == "the rounds stopped in r1: a loss"


def test_an_accepted_policy_takes_its_results_along_and_starts_the_next_round(
    tmp_path: Path,
) -> None:
    arm = tmp_path / "arms/r1/trained/kto"
    (arm / "adapter").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "adapter/adapter_config.json"):
        (arm / name).write_text(name)
    results = tmp_path / "reports/val/kto"
    results.mkdir(parents=True)
    (results / "results.jsonl").write_text("won")

    accepted, start = tmp_path / "models/r1", tmp_path / "arms/r2/start"
    accept(arm, {"val": results}, accepted)
    start_from(accepted, start)
    assert (accepted / "evaluation/val/results.jsonl").read_text() == "won"
    files = {path.relative_to(start).as_posix() for path in start.rglob("*") if path.is_file()}
    assert files == {"config.json", "model.safetensors"}  # of a merged LoRA, these weights
    assert (start / "model.safetensors").samefile(arm / "model.safetensors")  # no second copy

    accept(arm, {}, accepted)  # again, as after a kill
    assert not (accepted / "evaluation").exists()


def test_a_round_after_a_lora_starts_from_a_whole_model(tiny_model: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_model, tmp_path / "base"))
    arm = write_lora(base, tmp_path / "arm", seed=1)
    accepted, start = tmp_path / "r1", tmp_path / "start"
    accept(arm, {}, accepted)
    found = find(arm)
    assert found
    assert find(accepted) == replace(found, policy=accepted)  # the LoRA alone
    start_from(accepted, start)
    names = {path.name for path in start.rglob("*")}
    assert {path.name for path in base.iterdir()} == names
    assert json.loads((start / "config.json").read_text())["dtype"] == "float32"

    (base / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="was trained on other weights"):
        start_from(accepted, start)


def test_no_model_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the stage that makes it"):
        start_from(tmp_path, tmp_path / "start")
