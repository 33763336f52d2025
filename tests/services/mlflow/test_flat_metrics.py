"""The figures of a policy have the same names whatever the policy."""

from __future__ import annotations

from services.mlflow.flat_metrics import gains, split_metrics


def test_what_could_not_be_estimated_is_left_out() -> None:
    metrics = {"reward": {"value": 0.25}, "success": {"value": None}, "unscored": 2}
    assert split_metrics({"test": metrics}) == {"test.reward": 0.25, "test.unscored": 2}
    compared = {"reward": {"estimate": {"value": -0.5}}, "success": {"estimate": {"value": None}}}
    assert gains({"val": compared}) == {"val.reward_gain": -0.5}
