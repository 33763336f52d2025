"""What makes a training stale: DVC itself is asked, of stages whose commands do next to nothing."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from flows import params

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
STANDS_FOR_TRAINING = " && ".join(
    [
        "mkdir -p arms/${item.round}/trained/${item.arm} reports/train/${item.round}",
        "echo {} > reports/train/${item.round}/${item.arm}.json",
        "touch arms/${item.round}/trained/${item.arm}/model",
    ]
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which every arm of params.yaml was trained."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(ROOT / "params.yaml", folder)
    stage: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]
    stage |= {"cmd": STANDS_FOR_TRAINING, "deps": []}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stage}}, sort_keys=False))
    repository = Repo.init(str(folder), no_scm=True)
    with chdir(folder):
        repository.reproduce()
    return folder


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        (["evaluate.seed=9", "train.continued.more={like: josh_sft, start: josh_sft}"], set()),
        (["train.arms.josh_sft.trl.num_train_epochs=2"], {"josh_sft", "control"}),
        (["train.trl.learning_rate=1.0e-5"], {"josh_sft", "control"}),
        (["train.methods.sft.pad_to_multiple_of=8"], {"josh_sft", "control"}),
        (["train.lora.r=8"], {"josh_sft", "control"}),
    ],
    ids=["of others", "the treatment", "shared", "of its method", "its lora"],
)
def test_the_control_is_stale_whenever_the_treatment_is(
    trained: Path, changes: list[str], stale: set[str]
) -> None:
    file = Path(shutil.copy(ROOT / "params.yaml", trained))
    params.change(changes, (), file)
    with chdir(trained):
        found = Repo().status()
    assert {name.removeprefix("train@r1-") for name in found} == stale
