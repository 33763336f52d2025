"""A report holds what the same work would find again, and no more."""

from __future__ import annotations

import json
from pathlib import Path

from flows import reports


def test_times_are_not_in_what_dvc_hashes(tmp_path: Path) -> None:
    figures = {"reward": 0.5, "seconds": 12.3}
    reports.write(tmp_path / "r.json", {"seconds": 3, "josh": figures, "rows": [1]})
    assert json.loads((tmp_path / "r.json").read_text()) == {"josh": {"reward": 0.5}, "rows": [1]}
