"""A stage of dvc.yaml depends on the code that its result comes from: all of it, and no more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PACKAGES = ("dialogue", "flows", "josh", "services", "tasks", "toolwoz", "worlds")
PLUMBING = (
    "dialogue/bounds.py",
    "flows/__init__.py",
    "flows/params/",
    "flows/paths.py",
    "flows/reports.py",
    "flows/scaling.py",
    "flows/server/",
    "flows/stage.py",
    "flows/stopped.py",
    "services/bars.py",
    "services/endpoint_model.py",
    "services/fingerprint.py",
    "services/heartbeat.py",
    "services/mlflow/",
    "services/names.py",
    "services/engines/models/own_code.py",
    "services/plot_table.py",
    "services/processes.py",
    "services/shards.py",
    "services/telemetry.py",
    "tasks/rounds/sequence.py",
    "tasks/train/recipe.py",
)
"""What every stage runs in: it says where results are and who hears of them, not what they are."""
LOADED_BY_NAME = {"services/engines": ["harvest", "evaluate", "baseline", "benchmarks"]}
"""Code that is reached by its name alone: a backend, or a benchmark."""


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
        if name in found or name.startswith(PLUMBING):
            continue
        found.add(name)
        waiting += imports(path)
    return found


def flow_of(stage: str) -> str:
    definition = STAGES[stage].get("do", STAGES[stage])
    return (
        re.match(r"python -m (flows\.stages\.\w+)", definition["cmd"])[1].replace(".", "/") + ".py"
    )


def code_of(stage: str) -> list[str]:
    """The dependencies of a stage that are code."""
    definition = STAGES[stage].get("do", STAGES[stage])
    deps = [next(iter(dep)) if isinstance(dep, dict) else dep for dep in definition["deps"]]
    return [dep for dep in deps if dep.split("/")[0] in PACKAGES]


def holds(dep: str, name: str) -> bool:
    return name == dep or name.startswith(f"{dep}/")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_it_runs(stage):
    code = code_of(stage)
    missing = {
        name
        for name in reached(flow_of(stage))
        if not any(holds(dep, name) for dep in code) and not name.endswith("__init__.py")
    }
    assert not missing


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_code_that_it_does_not_run(stage):
    names = reached(flow_of(stage))
    idle = {
        dep
        for dep in code_of(stage)
        if not any(holds(dep, name) for name in names) and stage not in LOADED_BY_NAME.get(dep, ())
    }
    assert not idle


DRAWING = [
    "flows/tools/summary.py",
    "flows/server/artifacts.py",
    "josh/view/html.py",
    "josh/view/page/page.css",
    "toolwoz/cli/main.py",
    "toolwoz/report/charts.py",
    "toolwoz/report/templates/report.css",
    "tasks/compare/page.py",
]


@pytest.mark.parametrize("path", DRAWING)
def test_what_draws_makes_no_stage_stale_but_those_that_draw_it(path):
    assert (ROOT / path).is_file()
    assert {stage for stage in STAGES if any(holds(dep, path) for dep in code_of(stage))} <= {
        "compare"
    }
