"""Names of params.yaml reach a stage, and no shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import stage
from tests.helpers import toy

EVIL = ("x; touch pwned #", "$(touch pwned)", "'; touch pwned; '", "-h", "../x", "a-b")


def commands(definition: object) -> Iterator[str]:
    if isinstance(definition, dict):
        for key, value in definition.items():
            yield from [str(value)] if key == "cmd" else commands(value)


def test_no_command_of_the_graph_is_made_of_params() -> None:
    found = list(commands(yaml.safe_load(Path("dvc.yaml").read_text())))
    assert len(found) > 10
    assert not [command for command in found if "${" in command]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("toy")
    toy.make(root)
    for name in ("data/datasets/r1", "arms/r1/start", "data/toolwoz"):
        (root / name).mkdir(parents=True)
    return root


def repro(root: Path, found: dict[str, Any], name: str) -> str:
    """Run one stage without the check that `make repro` begins with; it must fail."""
    (root / "params.yaml").write_text(yaml.safe_dump(found))
    process = toy.dvc(root, "repro", "--single-item", "--force", name)
    said, _ = process.communicate()
    assert process.returncode, said
    return said


@pytest.mark.parametrize("name", EVIL[::3])
def test_no_name_of_an_arm_is_run_by_a_shell(repository: Path, name: str) -> None:
    found = toy.params("")
    found["train"]["arms"] = {name: {"method": "sft", "dataset": "sft"}}
    said = repro(repository, found, f"train@r1-{name}")
    assert f"{name!r} is no name: only a-z, 0-9 and _ may stand in it" in said
    assert "Traceback" not in said
    assert not list(repository.rglob("pwned*"))


def test_no_name_of_a_round_is_run_by_a_shell(repository: Path) -> None:
    found = toy.params("")
    found["rounds"] = {EVIL[0]: {"after": "base"}}
    (repository / "arms" / EVIL[0] / "start").mkdir(parents=True)
    said = repro(repository, found, f"harvest@{EVIL[0]}")
    assert f"{EVIL[0]!r} is no name" in said
    assert not list(repository.rglob("pwned*"))


def test_a_stage_is_told_its_round_and_arm_by_dvc() -> None:
    assert stage._items("train@r1-josh_sft", 2) == ["r1", "josh_sft"]
    assert stage._items("fetch", 0) == stage._items("", 2) == []
    for name in EVIL:
        with pytest.raises(ValueError, match="is no name"):
            stage._items(f"train@r1-{name}", 2)
