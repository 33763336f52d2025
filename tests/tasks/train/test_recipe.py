"""What the section ``train`` may say."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from tasks.train.recipe import Arm, Continued, Holdout, Recipe, TrainConfig

SFT = Arm(method="sft", dataset="sft")


def config(name: str) -> TrainConfig:
    return TrainConfig(0, Holdout(0.0, 1, 0.0), 0.0, "", {name: SFT})


def test_an_arm_continues_one_that_there_is_under_a_name_of_its_own() -> None:
    one = config("arm")
    further = Continued(**asdict(one.arms["arm"]), start="c")
    with pytest.raises(ValueError, match=r"continued\.a\.start: no arm 'c'; arms: arm"):
        replace(one, continued={"a": further})
    with pytest.raises(ValueError, match="arm: a name of arms and of continued"):
        replace(one, continued={"arm": replace(further, start="arm")})


def test_an_arm_may_not_have_the_name_of_a_policy() -> None:
    for name in ("base", "r2"):
        with pytest.raises(ValueError, match=f"{name}: the name of a policy"):
            config(name)


def shared(**arms: Arm) -> TrainConfig:
    return replace(
        config("sft"),
        trl={"bf16": False, "learning_rate": 2e-4},
        methods={"kto": {"beta": 0.1, "learning_rate": 5e-5}},
        lora={"r": 64},
        arms={"sft": SFT, **arms},
    )


def test_an_arm_says_only_what_it_differs_in_from_all_of_its_method() -> None:
    kto = Arm(method="kto", dataset="kto", trl={"beta": 0.2}, lora={})
    found = shared(kto=kto).policies
    assert found["sft"] == Recipe("sft", "sft", {"bf16": False, "learning_rate": 2e-4}, {"r": 64})
    assert found["kto"] == Recipe(
        "kto", "kto", {"bf16": False, "learning_rate": 5e-5, "beta": 0.2}, {}
    )


def test_the_control_is_the_same_training_whatever_becomes_of_the_treatment() -> None:
    treatment = replace(
        SFT, trl={"num_train_epochs": 3}, lora={"r": 8}, quantization={"load_in_4bit": True}
    )
    control = Arm(like="sft", dataset="unfiltered")
    found = shared(sft=treatment, control=control, again=Arm(like="control")).policies
    assert found["sft"].trl["num_train_epochs"] == 3
    assert found["control"] == replace(found["sft"], dataset="unfiltered")
    assert found["again"] == found["control"]


def test_an_arm_is_like_another_with_the_options_of_a_method_of_its_own() -> None:
    found = shared(kto=Arm(like="sft", method="kto")).policies
    assert found["kto"].trl == {"bf16": False, "learning_rate": 5e-5, "beta": 0.1}


def test_one_that_is_continued_may_be_like_an_arm() -> None:
    one = replace(shared(), continued={"more": Continued(like="sft", start="sft")})
    assert one.policies["more"] == one.policies["sft"]


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"a": Arm(like="b", dataset="x")}, r"arms\.a\.like: no arm 'b'; arms: sft, a"),
        ({"a": Arm(like="a")}, r"arms\.a\.like: a is like a, which is a circle"),
        ({"a": Arm(like="b"), "b": Arm(like="a")}, r"arms\.b\.like: a is like b is like a"),
        ({"a": Arm(dataset="x")}, r"arms\.a\.method is missing, and it is `like` no arm"),
        ({"a": Arm(method="sft")}, r"arms\.a\.dataset is missing"),
    ],
    ids=["unknown", "itself", "circle", "no method", "no set"],
)
def test_an_arm_that_is_like_nothing_is_refused_by_name(arms: dict[str, Arm], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shared(**arms)
