"""A round to train in, and its sets."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.tasks.train.arms import ROWS


@pytest.fixture
def place(tmp_path, tiny_model):
    """The folder of a round."""
    folder = tmp_path / "r1"
    shutil.copytree(tiny_model, folder / "start")
    return folder


@pytest.fixture
def datasets(tmp_path):
    for name, rows in ROWS.items():
        origins = [{**row, "scenario": f"s{i}", "node": 0} for i, row in enumerate(rows)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in origins))
    return tmp_path
