"""A policy in the registry can be fetched back by its alias."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from services.mlflow import tracking
from tasks.register.job import RegisterConfig, Registration, choose, figures, register_policy
from tasks.register.packing import EXAMPLE, PackingError

# MLflow's first import of its registry and tracing takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)
CONFIG = RegisterConfig(name="josh-policy")


CARD = "---\nlicense: mit\n---\n# kto"
KEPT = {".json", ".jinja", ".md", ".safetensors", ".txt", ".yaml", ".yml", ""}
"""How the names of the files of a version end; MLmodel has no ending."""


@pytest.fixture
def policy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "models" / "kto"))


def put(policy: Path, *, promote: bool) -> Registration:
    with tracking.stage_run("register", {"register": CONFIG}):
        return register_policy(
            CONFIG,
            "r1/kto",
            policy,
            {"val.reward": 0.5},
            promote=promote,
            reason="measured",
            card=CARD,
            on_hub={"some/base": "owner/base@abc"},
        )


def add_adapter(policy: Path, base: str) -> None:
    (policy / "adapter").mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": base}
    (policy / "adapter" / "adapter_config.json").write_text(json.dumps(config))
    (policy / "adapter" / "adapter_model.safetensors").write_bytes(b"lora")


def fetch(alias: str) -> Path:
    import mlflow

    return Path(mlflow.artifacts.download_artifacts(f"models:/josh-policy@{alias}"))


@pytest.mark.usefixtures("mlflow_root")
def test_the_gate_decides_who_is_champion(policy: Path) -> None:
    import mlflow

    first = put(policy, promote=True)
    (policy / "model.safetensors").write_bytes(b"weights of another kto")
    second = put(policy, promote=False)
    assert (first.version, first.aliases) == (1, ("challenger", "champion"))
    assert (second.version, second.aliases) == (2, ("challenger",))
    challenger = (fetch("challenger") / "model" / "model.safetensors").read_bytes()
    assert challenger == b"weights of another kto"
    assert len((fetch("champion") / "model" / "model.safetensors").read_bytes()) > 10_000
    assert not (policy / "README.md").exists()
    model = mlflow.get_logged_model(first.model_id)
    assert [(metric.key, metric.value) for metric in model.metrics] == [("val.reward", 0.5)]
    assert model.tags["reason"] == "measured"
    assert (model.tags["round"], model.tags["arm"]) == ("r1", "kto")


@pytest.mark.usefixtures("mlflow_root")
def test_a_version_has_signature_example_and_card_and_names_no_machine(
    policy: Path, tiny_model: Path, tmp_path: Path
) -> None:
    from mlflow.models import get_model_info

    put(policy, promote=True)
    info = get_model_info("models:/josh-policy@champion")
    assert info.signature.inputs.input_names()[0] == "messages"
    assert {"transformers", "python_function"} <= set(info.flavors)
    folder = fetch("champion")
    assert json.loads((folder / "input_example.json").read_text()) == EXAMPLE
    assert (folder / "model" / "README.md").read_text() == CARD
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= KEPT
    copied = {path.name for path in (folder / "model").iterdir()}
    assert {path.name for path in tiny_model.iterdir()} | {"README.md"} == copied
    for path in files:
        if path.suffix != ".safetensors" and path.name != "registered_model_meta":
            text = path.read_text()
            assert "/tmp" not in text, path
            assert str(tmp_path) not in text, path


@pytest.mark.usefixtures("mlflow_root")
@pytest.mark.parametrize("named", ["some/base", "a folder"])
def test_a_lora_names_what_is_to_be_had_elsewhere(
    policy: Path, tiny_model: Path, named: str
) -> None:
    add_adapter(policy, str(tiny_model) if named == "a folder" else named)
    put(policy, promote=True)
    model = fetch("champion") / "model"
    config = json.loads((model / "adapter" / "adapter_config.json").read_text())
    if named == "some/base":
        assert (config["base_model_name_or_path"], config["revision"]) == ("owner/base", "abc")
        assert not (model / "base").exists()
        return
    assert config["base_model_name_or_path"] == "base"
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        assert (model / "base" / file).read_bytes() == (tiny_model / file).read_bytes()


@pytest.mark.usefixtures("mlflow_root")
def test_a_lora_whose_base_is_gone_does_not_enter_the_registry(policy: Path) -> None:
    import mlflow

    add_adapter(policy, "models/gone")
    with pytest.raises(PackingError, match="trained on models/gone, which is not here"):
        put(policy, promote=True)
    assert mlflow.search_registered_models() == []
    [model] = mlflow.search_logged_models(output_format="list")
    assert model.status.value == "FAILED"


@pytest.mark.usefixtures("mlflow_root")
def test_a_pickle_does_not_enter_the_registry(policy: Path) -> None:
    (policy / "training_args.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(PackingError, match=r"training_args\.bin.*safetensors"):
        put(policy, promote=True)


@pytest.mark.usefixtures("mlflow_root")
def test_an_empty_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PackingError, match="run the stage that trains it"):
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
