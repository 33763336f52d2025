"""A policy in the registry can be fetched back by its alias."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks import tracking
from tasks.register import RegisterConfig, RegisterError, Registration, choose, figures, register

# MLflow's first import of its registry and tracing takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)
CONFIG = RegisterConfig(name="josh-policy")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "kto"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights of kto")
    return folder


def put(policy: Path, *, promote: bool) -> Registration:
    with tracking.stage_run("register", {"register": CONFIG}):
        return register(
            CONFIG,
            "r1/kto",
            policy,
            {"val.reward": 0.5},
            promote=promote,
            reason="measured",
            card="# kto",
        )


@pytest.mark.usefixtures("mlflow_root")
def test_the_gate_decides_who_is_champion(policy: Path) -> None:
    import mlflow

    first = put(policy, promote=True)
    (policy / "model.safetensors").write_bytes(b"weights of another kto")
    second = put(policy, promote=False)
    assert (first.version, first.aliases) == (1, ("challenger", "champion"))
    assert (second.version, second.aliases) == (2, ("challenger",))
    weights = {
        alias: Path(
            mlflow.artifacts.download_artifacts(f"models:/josh-policy@{alias}"),
            "model.safetensors",
        ).read_bytes()
        for alias in ("champion", "challenger")
    }
    assert weights == {"champion": b"weights of kto", "challenger": b"weights of another kto"}
    readme = mlflow.artifacts.download_artifacts("models:/josh-policy@champion/README.md")
    assert Path(readme).read_text() == "# kto"
    assert not (policy / "README.md").exists()
    model = mlflow.get_logged_model(first.model_id)
    assert [(metric.key, metric.value) for metric in model.metrics] == [("val.reward", 0.5)]
    assert model.tags["reason"] == "measured"
    assert (model.tags["round"], model.tags["arm"]) == ("r1", "kto")


@pytest.mark.usefixtures("mlflow_root")
def test_a_pickle_does_not_enter_the_registry(policy: Path) -> None:
    (policy / "training_args.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(RegisterError, match=r"training_args\.bin.*safetensors"):
        put(policy, promote=True)


@pytest.mark.usefixtures("mlflow_root")
def test_an_empty_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="run the stage that trains it"):
        put(tmp_path, promote=True)


def gate(decision: str, reason: str) -> dict[str, str]:
    return {"candidate": "kto", "decision": decision, "reason": reason}


def test_the_policy_accepted_last_is_registered_whatever_came_after() -> None:
    rounds = {"r1": gate("promoted", "it gained"), "r2": gate("kept back", "no gain")}
    record = {"rounds": rounds, "gate": {**rounds["r2"], "candidate": "r2/kto"}, "policy": "r1/kto"}
    assert choose(record) == ("r1/kto", True, "it gained")


def test_without_an_accepted_policy_the_candidate_is_no_champion() -> None:
    rounds = {"r1": gate("kept back", "a loss"), "r2": {"stopped": {"round": "r1"}}}
    record = {"rounds": rounds, "gate": {**rounds["r1"], "candidate": "r1/kto"}, "policy": "base"}
    assert choose(record) == ("r1/kto", False, "a loss")


def test_a_figure_that_could_not_be_estimated_is_left_out() -> None:
    arm = {"val": {"reward": {"value": 0.5}, "success": {"value": None}}}
    assert figures(arm) == {"val.reward": 0.5}
