"""The check of a card, for real on this machine's CPU; a part that fails is a value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.gpu_check import __main__ as gpu_check

SMALL = ["--device", "cpu", "--small", "--patience", "10"]


def checked(out: Path, *options: str) -> tuple[int, dict[str, Any]]:
    status = gpu_check.main([*SMALL, "--out", str(out), *options])
    return status, json.loads(out.read_text())["parts"]


@pytest.mark.slow
@pytest.mark.vllm
@pytest.mark.timeout(1800)
def test_every_part_measures(tmp_path: Path) -> None:
    status, parts = checked(tmp_path / "reports/check.json")
    assert [name for name, found in parts.items() if "error" in found] == []
    assert status == 0
    assert list(parts) == list(gpu_check.LIMITS)
    assert parts["machine"]["packages"]["torch"]
    harvest = parts["harvest"]
    assert harvest["harvest"]["tokens"] == harvest["offline"]["tokens"] > 0
    assert harvest["share"] > 0
    assert parts["training"]["steps"] == 2
    assert parts["training"]["tokens_per_s"] > 0
    assert parts["adapter"]["served"]
    assert parts["adapter"]["gap_to_merged"] < 0.01 < parts["adapter"]["gap_to_base"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_part_that_fails_is_told_and_the_next_one_is_run(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere/at/all")
    status, parts = checked(tmp_path / "a.json", "--model", nowhere, "--only", "model", "machine")
    assert status == 1
    assert nowhere in parts["model"]["error"]
    assert "error" not in parts["machine"]


def test_a_part_that_takes_too_long_is_ended_and_told(tmp_path: Path) -> None:
    status, parts = checked(tmp_path / "a.json", "--only", "machine", "--patience", "0.001")
    assert status == 1
    assert parts["machine"]["error"].startswith("took more than 0 s")


def test_all_parts_together_end_within_ten_minutes() -> None:
    assert sum(gpu_check.LIMITS.values()) < 600
