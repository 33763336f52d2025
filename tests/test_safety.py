"""What no module of the four packages does: run code it was given, or listen to the network."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from flows.tools import ui
from services.engines import EngineConfig, server

ROOT = Path(__file__).parents[1]
PACKAGES = ("bench", "dialogue", "flows", "josh", "services", "tasks", "toolwoz", "worlds")
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
ASKED = {
    "from_pretrained",
    "from_config",
    "load_dataset",
    "HFLM",
    "LocalCompletionsAPI",
    "LLM",
}
"""Calls that ask on the terminal whether to run a folder's code, where they are not told."""
READ_JSON_ALONE = {"GenerationConfig", "PeftConfig", "PeftModel"}
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
        if loads_untold(called, node.keywords):
            yield node.lineno, f"{called} without trust_remote_code"
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


def loads_untold(called: str, keywords: list[ast.keyword]) -> bool:
    """Whether a call loads what may bring code along, and does not say that it stays out."""
    of, _, name = called.rpartition(".")
    loads = name in ASKED and of not in READ_JSON_ALONE
    return loads and not any(keyword.arg == "trust_remote_code" for keyword in keywords)


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
        (
            "AutoTokenizer.from_pretrained(x)",
            "AutoTokenizer.from_pretrained without trust_remote_code",
        ),
        ("HFLM(pretrained=x)", "HFLM without trust_remote_code"),
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


OWN_CODE = """
import json, sys
from pathlib import Path
from flows.tools import memory
from services.engines import EngineConfig, open_engine
from tasks.bootstrap.pretrained import fetch_pretrained
from tasks.train.recipe import Arm, Holdout, TrainConfig
from tasks.train.job import train_arm

folder = Path(sys.argv[1])
train = TrainConfig(0, Holdout(), 1.0, "", {"arm": Arm(method="sft", dataset="sft")})

def opened(backend):
    with open_engine(EngineConfig(backend, model=str(folder)), log=folder.parent / "log"):
        pass

for use in (
    lambda: opened("transformers"),
    lambda: opened("vllm"),
    lambda: opened("server"),
    lambda: train_arm(train, "arm", folder.parent, folder.parent, work=folder.parent / "work"),
    lambda: fetch_pretrained(str(folder), folder.parent / "base"),
    lambda: memory.memory_of(train, str(folder), 100),
):
    try:
        use()
    except (RuntimeError, ValueError) as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "terminal"), [("config.json", ""), ("tokenizer_config.json", "y\n" * 20)]
)
def test_a_model_with_code_of_its_own_is_refused_in_a_line_and_never_asked_about(
    tiny_model: Path, tmp_path: Path, file: str, terminal: str
) -> None:
    folder = tmp_path / "start"
    shutil.copytree(tiny_model, folder)
    record = json.loads((folder / file).read_text())
    if file == "config.json":
        record |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
    else:
        record |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (folder / file).write_text(json.dumps(record))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: ...\n")
    ran = subprocess.run(
        [sys.executable, "-c", OWN_CODE, str(folder)],
        input=terminal, capture_output=True, text=True, cwd=ROOT, timeout=100,
        env={**os.environ, "HF_HOME": str(tmp_path / "hub")},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "[y/N]" not in ran.stdout + ran.stderr
    assert not (tmp_path / "ran").exists()
    lines = ran.stdout.splitlines()
    assert len(lines) == 6
    for line in lines:
        assert "needs code of its own (auto_map" in line
        assert str(tmp_path) in line
