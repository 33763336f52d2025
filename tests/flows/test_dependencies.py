"""A stage of dvc.yaml depends on every module that its flow imports, or `dvc repro` would not see
that the code changed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PACKAGES = ("flows", "tasks", "toolwoz", "josh")
PLUMBING = {
    *(f"{package}/__init__.py" for package in PACKAGES),
    *("flows/params.py", "flows/passing.py", "flows/paths.py", "flows/progress.py"),
    "flows/reports.py",
    *(
        "flows/runtime.py",
        "flows/stage.py",
        "tasks/mlflow_store.py",
        "tasks/provenance.py",
        "tasks/standing.py",
        "tasks/system_metrics.py",
        "tasks/tracking.py",
        "tasks/traces.py",
    ),
}
"""What every stage runs in: it says where results are and who hears of them, not what they are."""


def module_file(name: str) -> Path | None:
    stem = ROOT.joinpath(*name.split("."))
    return next(
        (path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None
    )


def imports(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found = (module_file(name) for name in names if name.split(".")[0] in PACKAGES)
        yield from (path for path in found if path is not None)


def reached(entry: str) -> set[str]:
    """The project's modules that one imports, at its top or later, with all that those import."""
    found: set[str] = set()
    waiting = [ROOT / entry]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(ROOT).as_posix()
        if name in found or name in PLUMBING:
            continue
        found.add(name)
        waiting += imports(path)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_it_runs(stage):
    definition = STAGES[stage].get("do", STAGES[stage])
    module = re.match(r"python -m flows\.(\w+)", definition["cmd"])[1]
    deps = [next(iter(dep)) if isinstance(dep, dict) else dep for dep in definition["deps"]]
    missing = {
        name
        for name in reached(f"flows/{module}.py")
        if not any(name == dep or name.startswith(f"{dep}/") for dep in deps)
    }
    assert not missing
