"""Every command prints on a terminal that has not every letter."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("flows", "josh", "tasks", "toolwoz")
COMMANDS = [
    path
    for package in PACKAGES
    for path in sorted(Path(package).rglob("*.py"))
    if "print(" in path.read_text() and "\ndef main(" in path.read_text()
]


def test_there_are_commands() -> None:
    assert {"josh/__main__.py", "flows/pipeline.py", "tasks/compare/__main__.py"} <= {
        str(path) for path in COMMANDS
    }


@pytest.mark.parametrize("path", COMMANDS, ids=str)
def test_a_command_that_prints_begins_with_its_terminal(path: Path) -> None:
    functions = (node for node in ast.parse(path.read_text()).body if hasattr(node, "body"))
    (main,) = (node for node in functions if getattr(node, "name", "") == "main")
    acts = [ast.unparse(one) for one in main.body]
    assert "any_terminal()" in acts[:2]


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_a_letter_that_the_terminal_has_not_is_escaped(variables: dict[str, str]) -> None:
    code = "from dialogue.progress import any_terminal; any_terminal(); print('5 \\u00a3')"
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.stdout.startswith(b"5 "), done.stderr.decode()
    assert not done.returncode


@pytest.mark.slow
def test_params_are_set_on_a_terminal_that_has_not_every_letter(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(Path("params.yaml").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "flows.params", "set", "dialogue.system_prompt=\u00a3"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"dialogue.system_prompt:  -> \\xa3")
    assert "\u00a3" in (tmp_path / "params.yaml").read_text(encoding="utf-8")
