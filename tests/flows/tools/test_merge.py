"""The command that merges a LoRA: it writes a new folder, says what bfloat16 keeps, or why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows.tools.merge import main
from services.engines.models.adapters import is_alone
from tests.helpers.loras import write_lora


def test_it_exports_and_says_what_is_kept(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Path(shutil.copytree(tiny_model, tmp_path / "base"))
    policy, out = write_lora(base, tmp_path / "arm", seed=1), tmp_path / "whole"
    assert main([str(policy), str(out)]) == 0
    assert "% of the update" in capsys.readouterr().out
    assert (out / "model.safetensors").is_file()
    assert not is_alone(out)
    shutil.rmtree(base)
    for asked, why in (
        ((policy, out), "whole exists"),
        ((out, tmp_path / "again"), "no LoRA that stands alone"),
        ((policy, tmp_path / "again"), "which is not here"),
    ):
        assert main([*map(str, asked)]) == 1
        assert why in capsys.readouterr().err
    assert not (tmp_path / "again").exists()
