"""The project's own params.yaml and configs."""

from __future__ import annotations

import copy
import dataclasses
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows import params
from flows.params.document import NOTE, merge, nested, read, write
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


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("gate.candidate=josh", "gate.candidate names josh, not to be found in train.arms and"),
        ("train.arms.control.dataset=st", "train names st, not to be found in extract.sets"),
        ("extract.sets.sft.search=jos", "extract.sets names jos, not to be found in harvest.sea"),
        ("gate.margins={bfcl: 0.1}", "gate.margins names bfcl, .* which has: nothing"),
        ("register.name=a/b", "register: name: 'a/b' .*without / and :"),
        ("register.name=a:b", "register: name: 'a:b' .*without / and :"),
        ('register.name=" "', "register: name: ' ' .*without / and :"),
        ("register.name=..a", "register: name: '..a' .*begins with no dot"),
    ],
)
def test_what_a_section_names_is_there(override: str, fault: str) -> None:
    with pytest.raises(params.ParamsError, match=fault):
        params.check(overrides=[override])


def test_what_the_gate_has_a_margin_for_must_be_run(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(Path("params.yaml").read_text())
    margins = "gate.margins={bfcl: 0.05}"
    with pytest.raises(params.ParamsError, match="margins names bfcl, not to be found in bench"):
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
        recipes.append(bootstrap.recipe(bootstrap.lessons))
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


MAY_BE_ZERO = {
    "benchmarks.judge.temperature",
    "benchmarks.max_model_len",
    "benchmarks.seed",
    "benchmarks.simulator.temperature",
    "bootstrap.finetuning.noise",
    "bootstrap.finetuning.scenarios",
    "bootstrap.lessons.scenarios",
    "bootstrap.pretraining.noise",
    "bootstrap.pretraining.scenarios",
    "bootstrap.seed",
    "dialogue.user_model.temperature",
    "engine.kv_cache_gb",
    "engine.port",
    "engine.threads",
    "evaluate.max_faults",
    "evaluate.seed",
    "evaluate.temperature",
    "evaluate.traces",
    "fetch.synthetic.seed",
    "harvest.branches",
    "harvest.max_faults",
    "harvest.probe",
    "harvest.searches.josh.patience",
    "harvest.searches.josh.seed",
    "harvest.searches.rollouts.seed",
    "harvest.temperature",
    "harvest.traces",
    "scale.retries",
    "scale.retry_delay",
    "scale.shards",
    "scale.workers",
    "train.holdout.early_stopping_threshold",
    "train.holdout.share",
    "train.max_rewritten",
    "train.seed",
}
"""Keys whose docstring says what 0 means, seeds, and shares."""
TOO_MUCH = {
    "bootstrap.seed": 2**32,
    "engine.port": 2**16,
    "engine.top_p": 1.1,
    "gate.margins.bfcl": 1.0,
    "harvest.max_faults": 1.1,
    "train.holdout.share": 1.0,
}
TRLS = {"trl", "methods", "lora", "quantization"}
"""Options of other packages, which check them."""


def numbers(value: object, *at: str) -> Iterator[tuple[str, ...]]:
    """Where the numbers of a section are as it is read, also those that the file leaves out."""
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in TRLS:
                yield from numbers(inner, *at, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield at


def refusal(section: object, key: tuple[str, ...], value: float) -> str:
    """What is said of a number in the place of another; nothing, if it is taken."""
    changed = {key[0]: copy.deepcopy(section)}
    at: Any = changed
    for part in key[:-1]:
        at = at.setdefault(part, {})
    at[key[-1]] = value
    try:
        params._parse({key[0]: params._dataclass_of(key[0])}, changed, Path("params.yaml"))
    except params.ParamsError as error:
        return str(error)
    return ""


def test_every_number_has_its_bounds() -> None:
    document = read(Path("params.yaml"))
    for override in ("benchmarks.limit=5", "benchmarks.max_tokens=5", "gate.margins={bfcl: 0.05}"):
        merge(document, nested(override))
    taken, unclear = set(), set()
    for name in params.SECTIONS:
        config = params._parse({name: params._dataclass_of(name)}, {name: document[name]}, Path())
        for key in numbers(config[name], name):
            full = ".".join(key)
            for value in {-1, 0, TOO_MUCH.get(full, -1)}:
                if not (said := refusal(document[name], key, value)):
                    taken.add((full, value))
                elif key[-1] not in said or "\n" in said:
                    unclear.add(said)
    assert taken == {(key, 0) for key in MAY_BE_ZERO}
    assert not unclear


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1e999", str(2**63)])
def test_no_number_is_endless(value: str) -> None:
    """Nor one that other packages check."""
    for key in ("harvest.max_faults", "train.trl.learning_rate", "scale.retries"):
        with pytest.raises(params.ParamsError, match=f"{key}={value}.* is no number"):
            params.check(overrides=[f"{key}={value}"])
