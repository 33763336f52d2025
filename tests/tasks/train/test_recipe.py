"""What the section ``train`` may say."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from tasks.train.recipe import Arm, Continued, Holdout, TrainConfig


def config(name: str) -> TrainConfig:
    return TrainConfig(0, Holdout(0.0, 1, 0.0), 0.0, "", {name: Arm("sft", "sft", {}, {}, {})})


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


def test_a_share_is_one() -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        Holdout(1.5, 1, 0.0)
