"""The programs that pages tell are run: an environment of one's own, a benchmark of one's own."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dialogue.conformance import check_episode
from dialogue.protocols import Completion
from dialogue.tool_text import assistant
from tasks.benchmarks.options import Options
from tasks.benchmarks.runs.runner import run
from tests.docs.reading import ROOT, python_blocks


def program(page: str, folder: Path, name: str) -> Path:
    """The first Python block of a page, as a file."""
    _, text = next(python_blocks(ROOT / "docs" / page))
    (folder / f"{name}.py").write_text(text + "\n", encoding="utf-8")
    return folder / f"{name}.py"


def imported(file: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, file.stem, module)  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def test_the_kiosk_is_harvested_as_the_page_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(program("environment.md", tmp_path, "kiosk"))],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "visit-art-de  reward 1.00  ✓ guide  ✓ ticket" in done.stdout
    assert "0.89 mean reward, 20 pairs" in done.stdout
    assert len((tmp_path / "trees.jsonl").read_text().splitlines()) == 9


def test_the_kiosk_keeps_the_promises_of_an_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk = imported(program("environment.md", tmp_path, "kiosk"), monkeypatch)
    function = {"name": "ticket", "arguments": '{"museum": "sea"}'}
    call = {"id": "c1", "type": "function", "function": function}
    script = [{"role": "assistant", "content": "", "tool_calls": [call]}]

    async def visit():
        return kiosk.Kiosk.open("sea", "fr")

    asyncio.run(check_episode(visit, script))


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs").glob("*.md")]
    assert [name for name in pages if f"(docs/{name})" not in readme] == []


OTHERS_MESSAGES = ("Unable to acquire lock", "is busy, it is being blocked by")
"""DVC's."""


def test_every_message_of_the_troubleshooting_page_is_one_that_the_code_says() -> None:
    said = " ".join([*_strings(), (ROOT / "Makefile").read_text(), *OTHERS_MESSAGES])
    said = said.replace("`", "")
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = [row.split(" | ")[0] for row in page.splitlines() if row.startswith("| ")]
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row)]
    parts = [part.strip(" :;.,'\"") for span in spans for part in span.split("…")]
    looked_for = [part for part in parts if len(part) > 8]
    assert len(looked_for) > 60
    assert [part for part in looked_for if part not in said] == []


def _strings() -> Iterator[str]:
    """The strings of the code, those that are formatted with … in the gaps."""
    for package in ("dialogue", "flows", "josh", "services", "tasks", "toolwoz", "worlds"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(_part(value) for value in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def _part(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else "…"


def test_the_alarm_benchmark_scores_its_golden_answers_one_and_empty_ones_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = imported(program("adding-a-benchmark.md", tmp_path, "alarm"), monkeypatch)
    benchmark = alarm.open_benchmark(Options(tmp_path))
    golden = {item.messages[0]["content"]: alarm.gold(item) for item in benchmark.items}

    async def right(messages, _tools, **_):
        return Completion(golden[messages[0]["content"]])

    async def mute(_messages, _tools, **_):
        return Completion(assistant(""))

    for policy, score in ((right, 1.0), (mute, 0.0)):
        results = asyncio.run(run(benchmark, benchmark.items, policy, concurrency=2))
        assert [(one.score, one.error) for one in results] == [(score, None)] * 3


def test_every_promise_names_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    named = re.findall(r"\| `([a-z_/]+\.py)::(test_\w+)` \|$", page, re.MULTILINE)
    rows = [row for row in page.splitlines() if row.startswith("| ") and "promised |" not in row]
    assert len(named) == len(rows) > 30
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), (file, test)
