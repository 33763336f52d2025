"""Two processes train one model, as two GPUs would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tasks.train.job import Arm, Holdout, TrainConfig, TrainError, train_arm
from tasks.train.launch import require_own_processes
from tests.helpers.tiny import TRL

TOOLS = json.dumps(
    [{"type": "function", "function": {"name": "search_hotel", "parameters": {"properties": {}}}}]
)
ROW = {
    "messages": [{"role": "user", "content": "hotel"}, {"role": "assistant", "content": "north"}],
    "tools": TOOLS,
}
ACCELERATE = """
compute_environment: LOCAL_MACHINE
distributed_type: {kind}
num_machines: 1
num_processes: 2
machine_rank: 0
mixed_precision: 'no'
use_cpu: false  # else accelerate starts one process; TRL's own use_cpu decides
main_process_port: 0
{more}
"""
FSDP = """
fsdp_config:
  fsdp_version: 2
  fsdp_reshard_after_forward: true
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_state_dict_type: SHARDED_STATE_DICT
  fsdp_cpu_ram_efficient_loading: false
"""


@pytest.fixture
def places(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    shutil.copytree(tiny_model, tmp_path / "r1" / "start")
    (tmp_path / "datasets").mkdir()
    rows = "".join(json.dumps(ROW) + "\n" for _ in range(8))
    (tmp_path / "datasets" / "sft.jsonl").write_text(rows)
    return tmp_path


def config(places: Path, text: str, **trl) -> TrainConfig:
    accelerate = places / "accelerate.yaml"
    accelerate.write_text(text)
    arm = Arm(method="sft", dataset="sft", trl={**TRL, **trl})
    return TrainConfig(0, Holdout(0.0, 1, 0.0), 1.0, str(accelerate), {"arm": arm})


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        ACCELERATE.format(kind="MULTI_GPU", more=""),
        ACCELERATE.format(kind="FSDP", more=FSDP),
    ],
    ids=["data parallel", "fsdp"],
)
def test_two_processes_share_the_rows(places, text):
    one = config(places, text)
    trained = train_arm(one, "arm", places / "r1", places / "datasets", work=places / "work")
    assert (trained.rows, trained.steps) == (8, 2)  # 8 rows, 2 a process, 2 processes
    before, after = (
        load_file(places / "r1" / name / "model.safetensors") for name in ("start", "trained/arm")
    )
    assert before.keys() == after.keys()
    name = "model.embed_tokens.weight"
    assert before[name].shape == after[name].shape
    assert not before[name].equal(after[name])


@pytest.mark.slow
def test_an_error_of_the_processes_is_the_runs_own(places):
    text = ACCELERATE.format(kind="MULTI_GPU", more="")
    with pytest.raises(TrainError, match="of the tokens it should train would be lost"):
        train_arm(
            config(places, text, max_length=2),
            "arm",
            places / "r1",
            places / "datasets",
            work=places / "work",
        )


def test_a_configuration_that_is_not_there(places):
    one = config(places, "")
    Path(one.accelerate).unlink()
    with pytest.raises(TrainError, match=r"train\.accelerate: there is no file"):
        train_arm(one, "arm", places / "r1", places / "datasets", work=places / "work")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"OMPI_COMM_WORLD_SIZE": "4"}, "OMPI_COMM_WORLD_SIZE=4"),
        ({"PMI_SIZE": "2", "MASTER_ADDR": "here"}, "PMI_SIZE=2"),
        ({"MV2_COMM_WORLD_SIZE": "x"}, "MV2_COMM_WORLD_SIZE=x"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE=2"),
        ({"LOCAL_RANK": "0"}, "LOCAL_RANK=0"),
        ({"OMPI_COMM_WORLD_SIZE": "1", "WORLD_SIZE": "1", "LOCAL_RANK": "-1"}, ""),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1"}, ""),
        ({"SLURM_NTASKS": "4", "SLURM_JOB_ID": "7"}, ""),
    ],
)
def test_a_process_of_another_launcher_is_told_which_variable_to_unset(
    environment: dict[str, str], name: str
) -> None:
    if not name:
        require_own_processes(environment)
        return
    with pytest.raises(TrainError, match=f"{name}, .* unset {name.partition('=')[0]};") as caught:
        require_own_processes(environment)
    assert "params.yaml" not in str(caught.value)
