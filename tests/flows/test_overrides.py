"""What a run of the Prefect UI changes is a key of params.yaml, refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from flows import params
from flows.overrides import Overrides, RoundOverrides

FILLED = {
    "test_scenarios": 5,
    "evaluation_seed": 0,
    "temperature": 0.5,
    "others": ("harvest.temperature=0.9",),
    "source": "multiwoz24",
    "scenarios": 7,
    "training_seed": 4,
}


def test_what_is_empty_changes_nothing() -> None:
    assert RoundOverrides().assignments() == []


def test_every_field_is_a_valid_change_of_the_projects_params() -> None:
    assert set(FILLED) == set(RoundOverrides.model_fields)
    changes = RoundOverrides(**FILLED).assignments()
    assert sorted(changes) == [
        "evaluate.scenarios.test=5",
        "evaluate.seed=0",
        "evaluate.temperature=0.5",
        'fetch.source="multiwoz24"',
        "harvest.scenarios=7",
        "harvest.temperature=0.9",
        "train.seed=4",
    ]
    changed = params.check(overrides=changes)
    assert (changed["evaluate"].scenarios["test"], changed["evaluate"].seed) == (5, 0)
    assert (changed["fetch"].source, changed["harvest"].scenarios) == ("multiwoz24", 7)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("test_scenarios", 0),
        ("temperature", 2.5),
        ("evaluation_seed", -1),
        ("source", "multiwoz20"),
        ("scenarios", "many"),
        ("others", ("harvest",)),
        ("others", ("temperature=1",)),
        ("others", ("engine.api_key_env=HOME",)),
        ("others", ("engine.vllm={hf_overrides: {}}",)),
        ("others", ("engine.vllm.download_dir=/",)),
        ("others", ("engine.urls=[http://elsewhere/v1]",)),
        ("others", ("dialogue.user_model.url=http://elsewhere/v1",)),
        ("others", ("benchmarks.judge={url: http://elsewhere/v1, model: m}",)),
        ("others", ('dialogue.user_model={"api_key_env": "HOME"}',)),
        ("others", ('dialogue.user_model={"\\u0075rl": "http://elsewhere/v1"}',)),
        ("others", ("dialogue.system_prompt=${oc.env:HOME}",)),
        ("sources", "synthetic"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        RoundOverrides(**{field: value})


def test_an_evaluation_cannot_change_what_was_harvested() -> None:
    assert set(RoundOverrides.model_fields) > set(Overrides.model_fields)
    with pytest.raises(ValidationError, match="scenarios"):
        Overrides(scenarios=7)  # type: ignore[call-arg]


def test_any_other_key_is_checked_against_the_whole_file() -> None:
    changes = Overrides(others=("harvest.temprature=0.9",)).assignments()
    with pytest.raises(params.ParamsError, match=r"unknown key harvest.temprature; known: split"):
        params.check(overrides=changes)
