"""A folder in which DVC would not start is refused before anything runs, with what to type."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.scm import SCMError

from flows.params import ParamsError
from flows.params.place import require_dvc_repository

PLACES = {
    "a download": ("", False, False),
    "a clone": (".", False, True),
    "in a clone": ("..", False, True),
    "told to do without git": ("", True, True),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_check_agrees_with_dvc(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git, without, fits = PLACES[name]
    root = tmp_path / "above" / "repository"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n" if without else "")
    monkeypatch.chdir(root)
    if git:
        subprocess.run(["git", "init", "-q", git], check=True)
    if fits:
        require_dvc_repository()
        Repo().close()
        return
    with pytest.raises(SCMError):
        Repo()
    with pytest.raises(ParamsError, match=r"`git init`.*`dvc init --no-scm -f`"):
        require_dvc_repository()
