"""The figures of an evaluation, under the names that MLflow compares policies by."""

from __future__ import annotations

from typing import Any

from tasks.evaluate import by_policy, headline


def metrics(reward: float, success: float | None) -> dict[str, Any]:
    return {"reward": {"value": reward}, "success": {"value": success}, "unscored": 0}


RECORD = {
    "arms": {"base": {"test": metrics(0.25, None)}, "kto": {"test": metrics(0.5, 0.4)}},
    "comparisons": {
        "kto": {
            "test": {
                "reward": {"estimate": {"value": 0.25}},
                "success": {"estimate": {"value": None}},
            }
        }
    },
}


def test_policies_have_figures_of_the_same_names() -> None:
    assert by_policy(RECORD) == {
        "base": {"test.reward": 0.25, "test.unscored": 0},
        "kto": {
            "test.reward": 0.5,
            "test.success": 0.4,
            "test.unscored": 0,
            "test.reward_gain": 0.25,
        },
    }


def test_the_stage_names_the_policy_and_leaves_out_what_could_not_be_estimated() -> None:
    assert headline(RECORD) == {
        "test.base.reward": 0.25,
        "test.base.unscored": 0,
        "test.kto.reward": 0.5,
        "test.kto.success": 0.4,
        "test.kto.unscored": 0,
        "test.kto.reward_gain": 0.25,
    }
