"""A folder in which DVC would not work is refused before anything runs, with what to type."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.config import Config
from dvc.repo import Repo
from dvc.scm import SCMError

from flows.params import ParamsError
from flows.params.place import require_dvc_repository

ROOT = Path(__file__).parents[2]
PLACES = {
    "a download": ("", False, False),
    "a clone": (".", False, True),
    "in a clone": ("..", False, True),
    "told to do without git": ("", True, True),
}
STAGES = "stages: {a: {cmd: mkdir -p data/raw, outs: [data/raw: {persist: true}]}}"


@pytest.mark.parametrize("name", PLACES)
def test_the_check_agrees_with_dvc(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git, without, fits = PLACES[name]
    root = tmp_path / "above" / "repository"
    (root / ".dvc").mkdir(parents=True)
    (root / "dvc.yaml").write_text(STAGES)
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


def dvc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], check=True, capture_output=True)


@pytest.mark.slow
def test_a_linked_folder_is_refused_and_the_advice_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, disk = tmp_path / "repository", tmp_path / "disk"
    for folder in (root, disk):
        folder.mkdir()
    monkeypatch.chdir(root)
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    Path("dvc.yaml").write_text(STAGES.replace("data/raw,", "data/raw && echo 1 > data/raw/x,"))
    require_dvc_repository()
    Path("data").symlink_to(disk)
    with pytest.raises(subprocess.CalledProcessError, match="repro") as failed:
        dvc("repro")
    assert b"outside of git repository" in failed.value.stderr
    with pytest.raises(ParamsError, match="data/ is a link") as refused:
        require_dvc_repository()

    Path("data").unlink()
    for command in re.findall("`dvc (.*?)`", str(refused.value)):
        dvc(*command.replace("PLACE", str(disk / "cache")).split())
    require_dvc_repository()
    dvc("repro")
    assert Path("data/raw/x").resolve().is_relative_to(disk / "cache")


def test_a_download_without_git_does_without_it(tmp_path: Path) -> None:
    checkout, download = tmp_path / "checkout", tmp_path / "download"
    (checkout / ".dvc").mkdir(parents=True)
    download.mkdir()
    for name in (".dvc/config", ".gitattributes"):
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "a")):
        subprocess.run(["git", *words], cwd=checkout, check=True)
    packed = subprocess.check_output(["git", "archive", "HEAD"], cwd=checkout)
    subprocess.run(["tar", "x"], cwd=download, input=packed, check=True)
    assert not Config(str(checkout / ".dvc"))["core"].get("no_scm")
    assert Config(str(download / ".dvc"))["core"]["no_scm"]
