"""The page of `dvc plots` needs no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows.tools import plots


def test_the_page_is_drawn_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("vl_convert")
    monkeypatch.chdir(tmp_path)
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "-q", "--no-scm"], check=True)
    Path("dvc.yaml").write_text("plots:\n  - loss.csv:\n      x: step\n      y: loss\n")
    Path("loss.csv").write_text("step,loss\n1,2.5\n2,1.5\n")
    assert plots.main() == 0
    subprocess.run([*dvc, "plots", "show", "-q"], check=True)
    page = Path("dvc_plots/index.html").read_text()
    assert "vegaEmbed('#loss_csv', spec)" in page
    assert "<script src" not in page
    assert "cdn.jsdelivr.net" not in page.split("</head>")[1]


def test_what_is_missing_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert plots.main() == 1
    assert "run from the repository's root" in capsys.readouterr().err
    Path(".dvc").mkdir()
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert plots.main() == 1
    assert "uv pip install vl-convert-python" in capsys.readouterr().err
    assert not (tmp_path / ".dvc/config.local").exists()
