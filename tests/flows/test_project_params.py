"""The project's own params.yaml and configs."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from flows import params
from flows.params.document import NOTE, read, write
from tasks.train.trainers import arguments


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"refill": True},
            "unknown key harvest.searches.josh.refill; known: strategy, beam, turns, calls, seed, "
            "end_on_error",
        ),
        ({"beam": "x"}, "harvest.searches.josh.beam = 'x': input should be a valid integer"),
        ({"beam": 0}, "harvest.searches.josh: beam must be at least 1, not 0"),
        ({"strategy": "beam"}, "harvest.searches.josh.strategy = 'beam': input should be one of"),
        ({"strategy": None}, "harvest.searches.josh.strategy"),
        ({}, "harvest.searches.josh.strategy is missing"),
    ],
)
def test_a_search_has_the_keys_of_its_strategy(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    search = {"strategy": "rollouts", **changes} if changes else {}
    path = tmp_path / "params.yaml"
    path.write_text(Path("params.yaml").read_text())
    document = read(path)
    document["harvest"]["searches"] = {"josh": search}
    write(document, path, ())
    with pytest.raises(params.ParamsError) as caught:
        params.load_section("harvest", path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_what_the_gate_has_a_margin_for_must_be_run(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(Path("params.yaml").read_text())
    margins = "gate.margins={bfcl: 0.05}"
    with pytest.raises(params.ParamsError, match=r"margins has bfcl, which nothing runs: add it"):
        params.change([margins], (), path)
    off = ["benchmarks.names=[]", "gate.margins={}"]
    params.change(off, ["smollm2"], path)
    params.change(["benchmarks.names=[bfcl]", margins], (), path)
    assert params.check(path)["gate"].margins == {"bfcl": 0.05}
    params.change(off, (), path)
    assert params.check(path)["gate"].margins == {}


@pytest.mark.parametrize(
    "configs",
    [
        ["default"],
        ["tiny"],
        ["small"],
        ["methods"],
        ["methods", "small"],
        ["smollm2"],
        ["paper-8b"],
        ["paper-8b", "qwen3"],
        ["paper-8b", "2x24gb"],
        ["goal-user"],
        ["smollm2", "goal-user"],
        ["paper-8b", "goal-user"],
        ["paper-8b", "qwen3", "2x24gb", "goal-user"],
    ],
    ids="+".join,
)
def test_every_config_of_the_project_is_valid(configs: list[str], tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(Path("params.yaml").read_text())
    params.change([], configs, path)
    params.check(path)


@pytest.mark.parametrize("below", [[], ["tiny"], ["methods"], ["smollm2"], ["paper-8b"]])
def test_goal_user_changes_the_user_of_another_config_and_nothing_else(below: list[str]) -> None:
    without, found = params.merged(below), params.merged([*below, "goal-user"])
    assert without["dialogue"].user == "agenda"
    user, endpoint = found["dialogue"].user, found["dialogue"].user_model
    assert (user, bool(endpoint.url), bool(endpoint.model)) == ("goal", True, True)
    restored = replace(found["dialogue"], user="agenda", user_model=without["dialogue"].user_model)
    assert {**found, "dialogue": restored} == without


@pytest.mark.parametrize("configs", [["smollm2"], ["paper-8b"], ["paper-8b", "2x24gb"]])
def test_what_trains_for_long_saves_often_however_few_steps_there_are(configs: list[str]) -> None:
    from transformers import TrainerState

    sections = params.merged(configs)
    bootstrap, train = sections["bootstrap"], sections["train"]
    recipes = list(train.policies.values())
    if bootstrap.demonstrated:
        recipes.append(bootstrap.recipe(bootstrap.pretraining))
    for recipe in recipes:
        state = TrainerState()
        # transformers refuses bf16 where no GPU is
        on_cpu = replace(recipe, trl={**recipe.trl, "use_cpu": True})
        state.compute_steps(arguments(on_cpu, Path("work"), 0, watched=False), 40)
        assert 1 <= state.save_steps <= 10


def test_each_search_of_the_papers_run_fills_the_engine() -> None:
    """Twice as many branches as slots: at half of the branches or so it is the user's turn."""
    sections = params.merged(["paper-8b"])
    harvest, slots = sections["harvest"], sections["engine"].max_num_seqs
    assert harvest.calls >= slots
    for search in harvest.searches.values():
        assert harvest.limits(search).dialogues * search.beam >= 2 * slots


def test_the_file_as_it_comes_is_the_default() -> None:
    """The committed one: `make repro CONFIG=` changes that of the workspace."""
    show = ["git", "show", "HEAD:params.yaml"]
    assert not subprocess.check_output(show, text=True).startswith(NOTE)


def test_a_field_is_what_its_dataclass_makes_of_it() -> None:
    """Also one that the file does not have: what the base policy was shown follows from others."""
    file = Path("params.yaml")
    section = params.load_section("bootstrap", file)
    assert params.load_section("bootstrap.demonstrated", file) == section.demonstrated > 0
    assert params.load_section("harvest.split", file) == "train"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.arms", "{method: sft, dataset: sft}"),
        ("train.continued", "{like: josh_sft, start: control}"),
        ("extract.sets", "{search: josh, extractor: sft}"),
        ("harvest.searches", "{strategy: rollouts, beam: 2, seed: 2}"),
    ],
)
def test_no_name_of_the_file_is_a_command(key: str, value: str) -> None:
    section, field = key.split(".")
    with pytest.raises(params.ParamsError, match=rf"{section}: {field}: '; touch x #' is no name"):
        params.check(overrides=[f'{key}={{"; touch x #": {value}}}'])
