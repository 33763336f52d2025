"""What no module of the four packages does: run code it was given, or listen to the network."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from flows.tools import ui
from services.engines import EngineConfig, server

ROOT = Path(__file__).parents[1]
PACKAGES = ("dialogue", "flows", "josh", "services", "tasks", "toolwoz", "worlds")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
RUNS_CODE = {"eval", "exec", "compile", "__import__"}
LOADERS = {
    "torch.load",
    "pandas.read_pickle",
    "pd.read_pickle",
    "yaml.load",
    "os.system",
    "os.popen",
}
ANYONE = {"0.0.0.0", "::", "[::]"}


def faults(source: str) -> list[str]:
    """What is unsafe in a module, as `line: what`."""
    return [f"{line}: {what}" for node in ast.walk(ast.parse(source)) for line, what in _of(node)]


def _of(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        roots = {alias.name.split(".")[0] for alias in node.names}
        yield from ((node.lineno, f"import {name}") for name in sorted(roots & PICKLERS))
    elif isinstance(node, ast.ImportFrom) and node.module:
        if node.module.split(".")[0] in PICKLERS:
            yield node.lineno, f"import {node.module}"
    elif isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in RUNS_CODE | LOADERS:
            yield node.lineno, called
        for keyword in node.keywords:
            given = ast.unparse(keyword.value)
            if keyword.arg == "trust_remote_code" and given != "False":
                yield node.lineno, f"trust_remote_code={given}"
            if keyword.arg in ("shell", "allow_pickle") and given != "False":
                yield node.lineno, f"{keyword.arg}={given}"
    elif isinstance(node, ast.Constant) and node.value in {*ANYONE, "--trust-remote-code"}:
        yield node.lineno, str(node.value)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_runs_no_code_it_was_given_and_listens_on_loopback_alone(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import pickle", "import pickle"),
        ("from joblib import load", "import joblib"),
        ("eval(text)", "eval"),
        ("exec(text)", "exec"),
        ("torch.load(path)", "torch.load"),
        ("subprocess.run(text, shell=True)", "shell=True"),
        ("AutoModel.from_pretrained(x, trust_remote_code=True)", "trust_remote_code=True"),
        ("AutoModel.from_pretrained(x, trust_remote_code=trusted)", "trust_remote_code=trusted"),
        ("serve(host='0.0.0.0')", "0.0.0.0"),
        ("command = ['--trust-remote-code']", "--trust-remote-code"),
    ],
)
def test_the_scan_sees(source: str, what: str) -> None:
    assert faults(source) == [f"1: {what}"]
    assert faults("model.eval(); re.compile(text); call(trust_remote_code=False)") == []


def test_the_servers_that_are_started_listen_on_loopback() -> None:
    command = server.command(EngineConfig("server", model="models/base"), Path("models/base"), 8000)
    hosts = [word.removeprefix("--host=") for word in command if word.startswith("--host")]
    assert len(hosts) == 1
    assert all(ip_address(host).is_loopback for host in (*hosts, ui.HOST))
