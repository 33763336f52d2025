"""The tasks that τ-bench was first published with (v1), in the world of the package.

    domain = Domain.load("retail")
    scenarios = read_tasks(domain, Path("tau_bench/envs/retail/tasks_train.py"))

The paper harvested on the 500 of ``retail/tasks_train.py``, which the package does not have. Its
orders and products are theirs and its tools have their names, so a reference does here what it
did there.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from worlds.tau_bench.domain import Action, Domain, Scenario


def read_tasks(domain: Domain, path: Path) -> list[Scenario]:
    """The tasks of one file of the published repository, in its order.

    Args:
        domain: Theirs.
        path: ``tasks_train.py``, ``tasks_test.py``, ``tasks_dev.py``; or the same list of tasks as
            JSON. The Python is read, not run.

    Raises:
        ValueError: it holds no list of tasks.
    """
    text = path.read_text(encoding="utf-8")
    tasks = json.loads(text) if path.suffix == ".json" else list(_literal(text))
    if not tasks or not all(isinstance(task, dict) and "actions" in task for task in tasks):
        raise ValueError(f"{path} holds no tasks of τ-bench: give it one of its tasks_*.py")
    return [_scenario(domain, f"{path.stem}-{n}", task) for n, task in enumerate(tasks)]


def _scenario(domain: Domain, id: str, task: Mapping[str, Any]) -> Scenario:
    actions = [Action(str(n), one["name"], one["kwargs"]) for n, one in enumerate(task["actions"])]
    return domain.scenario(id, task["instruction"], actions, task["outputs"])


def _literal(source: str) -> Iterator[Any]:
    """The tasks of a Python file, which is one list of ``Task(...)`` with ``Action(...)`` in it."""
    for statement in ast.parse(source).body:
        match statement:
            case (
                ast.Assign(value=ast.List(elts=elements))
                | ast.AnnAssign(value=ast.List(elts=elements))
            ):
                yield from map(_value, elements)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        return {one.arg: _value(one.value) for one in node.keywords}
    if isinstance(node, ast.List):
        return [_value(one) for one in node.elts]
    return ast.literal_eval(node)
