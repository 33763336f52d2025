"""Every command that README.md and docs/ tell is one: parsed by what would run it, or run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs import checks
from tests.docs.checks import rule_of
from tests.docs.reading import PAGES, ROOT, Command, commands, python_blocks

FOUND = [command for page in PAGES for command in commands(page)]
STANDARD = re.compile("CUDA_VISIBLE_DEVICES|HF_|MLFLOW_|NLTK_DATA|OMP_NUM_THREADS|PREFECT_|AWS_")
"""Variables that are other people's."""


def is_slow(command: Command) -> bool:
    rule = rule_of(command.words)
    return rule is not None and rule.slow


@pytest.mark.parametrize("command", [one for one in FOUND if not is_slow(one)], ids=str)
def test_a_command_is_taken_by_what_would_run_it(command: Command, tmp_path: Path) -> None:
    rule = rule_of(command.words)
    assert rule, f"{command}: begins like no rule of tests/docs/checks.py"
    rule.check(command.words, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("command", [one for one in FOUND if is_slow(one)], ids=str)
def test_a_command_of_another_program_is_in_its_help(command: Command, tmp_path: Path) -> None:
    rule = rule_of(command.words)
    assert rule
    rule.check(command.words, tmp_path)


def test_every_variable_that_a_command_sets_is_read_somewhere() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for package in (*checks.OURS, "tests")
        for path in (ROOT / package).rglob("*.py")
    )
    named = {name for command in FOUND for name in command.environment}
    exported = [
        word for command in FOUND if command.words[:1] == ("export",) for word in command.words[1:]
    ]
    named |= {word.partition("=")[0] for word in exported}
    assert named, "the README sets one"
    assert [name for name in named if not STANDARD.match(name) and f'"{name}"' not in code] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_compiles_and_what_it_imports_is_there(page: Path) -> None:
    for line, text in python_blocks(page):
        tree = ast.parse(text, f"{page.name}:{line}")
        compile(tree, f"{page.name}:{line}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), f"{page.name}:{line}", "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_links_to_files_that_are_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [one for one in targets if "://" not in one]
    assert [one for one in local if not (page.parent / one).exists()] == []


@pytest.mark.parametrize(
    "line",
    [
        "make repo",
        "make repro CONFG=smollm2",
        "make repro CONFIG=huge",
        "make repro SET=harvest.scenaros=5",
        "dvc repros",
        "dvc repro harvests",
        "dvc exp run -S train.sed=1",
        "python -m flows.deploy --schedule maybe",
        "python -m flows.tools.plots --all",
        "python -m flows.plot",
        "python -m toolwoz evaluate --polcy expert",
        "python -m tasks.benchmarks nothing --model x",
        "pip install toolwoz-josh[taus]",
        "pip install left-pad",
        "python -m pytest tests/flows/test_chaoss.py",
    ],
)
def test_a_wrong_command_is_found_out(line: str, tmp_path: Path) -> None:
    words = tuple(line.split())
    rule = rule_of(words)
    assert rule
    with pytest.raises(checks.WrongCommandError):
        rule.check(words, tmp_path)


def test_a_command_without_a_rule_is_found_out() -> None:
    assert rule_of(["rm", "-rf", "data"]) is None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_benchmarks_commands_run_as_they_stand(tmp_path: Path) -> None:
    """docs/toolwoz.md from top to bottom in an empty folder; without its endpoint."""
    page = ROOT / "docs" / "toolwoz.md"
    lines = [one for one in commands(page) if one.words[:3] == ("python", "-m", "toolwoz")]
    runnable = [one for one in lines if not any("://" in word for word in one.words)]
    assert len(runnable) >= 7
    for command in runnable:
        checks.run(command.words, tmp_path, checks.environment(PYTHONPATH=str(ROOT)))
    assert (tmp_path / "comparison.html").stat().st_size > 10_000
