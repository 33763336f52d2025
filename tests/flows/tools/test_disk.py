"""The disk that a run takes: known sizes, a warning before the run, and the knob that it names."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import params
from flows.tools import disk
from tasks.train.recipe import Continued

LLAMA = Path("configs/models/llama-3-8b").resolve()
MODEL = 8_030_261_248 * 2 / 2**30
"""GiB of Llama-3-8B in bfloat16."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("configs", ".dvc"):
        shutil.copytree(name, tmp_path / name, ignore=shutil.ignore_patterns("cache", "tmp"))
    shutil.copy("params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def free(gib: float, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=gib * 2**30)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _path: usage)


@pytest.mark.slow
def test_models_are_counted_twice_by_a_dvc_that_copies_and_once_by_one_that_links(
    workspace: Path,
) -> None:
    sections = params.merged(["paper-8b"])
    twice = disk.disk_of(sections, str(LLAMA))
    assert twice.base == pytest.approx(2 * MODEL)
    assert twice.arms == pytest.approx(3 * 2 * 167_772_160 * 4 / 2**30)  # LoRAs alone
    assert twice.starts == 0
    two = replace(sections["rounds"]["r1"], after="r1")
    rounds = {"rounds": {**sections["rounds"], "r2": two}}
    assert disk.disk_of({**sections, **rounds}, str(LLAMA)).starts == pytest.approx(4 * MODEL)
    assert twice.registry == pytest.approx(3 * MODEL)
    assert 75 < twice.total < 90
    (workspace / ".dvc/config.local").write_text("[cache]\n    type = hardlink,symlink\n")
    once = disk.disk_of(sections, str(LLAMA))
    assert (once.base, once.arms) == (twice.base / 2, twice.arms / 2)


@pytest.mark.usefixtures("workspace")
def test_a_lora_that_continues_another_is_a_whole_model() -> None:
    sections = params.merged(["paper-8b"])
    alone = disk.disk_of(sections, str(LLAMA))
    arms = sections["train"].arms
    further = Continued(**asdict(arms["josh_kto"]), start="josh_sft")
    train = replace(sections["train"], continued={"further": further})
    more = disk.disk_of({**sections, "train": train}, str(LLAMA))
    assert more.arms - alone.arms == pytest.approx(2 * 2 * MODEL)
    gate = replace(sections["gate"], candidate="further")
    sections = {**sections, "train": train, "gate": gate}
    assert disk.disk_of(sections, str(LLAMA)).registry == alone.registry


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_a_run_is_warned_of_before_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params.change([f"bootstrap.pretrained={LLAMA}"], ["default", "paper-8b"])
    free(500, monkeypatch)
    assert not disk.warning(params.check())
    free(80, monkeypatch)
    [line] = disk.warning(params.check()).splitlines()
    assert "and 80 are free" in line
    assert "dvc config cache.type" in line


def test_a_small_model_of_ones_own_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    free(0, monkeypatch)
    assert disk.warning(params.merged(["default"])) == ""
