"""The whole pipeline at toy size, in a repository of its own: real code, and a scripted engine.

The engine is a real HTTP endpoint in this process, behind which a rule-based expert, most of whose
calls are spoiled, answers every question by itself and its seed: so two runs must find the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from toolwoz.conversion import convert
from toolwoz.multiwoz import read_corpus
from toolwoz.policies.expert import Expert
from toolwoz.policies.noisy import Noisy
from toolwoz.sources import SyntheticConfig, fetch

ROOT = Path(__file__).parents[2]
CODE = ("flows", "tasks", "toolwoz", "josh", "configs")
FILES = ("dvc.yaml", "params.yaml", "pyproject.toml", ".dvcignore", ".gitignore")
CORPUS = {"seed": 3, "train": 4, "val": 2, "test": 2}
MODEL = {"vocab_size": 400, "hidden_size": 64, "intermediate_size": 96, "layers": 2}
STEPS = {"max_steps": 4, "save_steps": 1, "warmup_steps": 1, "per_device_train_batch_size": 2}


@dataclass
class Engine:
    """The scripted engine.

    Attributes:
        root: The repository whose models it serves.
        asked: Questions so far.
        is_dead: It hangs up on whoever asks.
        dies_at: It dies with that question; 0 for never.
    """

    root: Path
    url: str = ""
    asked: int = 0
    is_dead: bool = False
    dies_at: int = 0


@contextmanager
def engine(root: Path) -> Iterator[Engine]:
    """The scripted engine of a toy repository, for every model in it."""
    own = Engine(root)
    corpus = fetch("synthetic", root / "scripted", synthetic=SyntheticConfig(**CORPUS))
    policy = Noisy(Expert(convert(read_corpus(corpus), "v2").world), 0.6)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            models = (path.parent.relative_to(root) for path in root.glob("*/**/config.json"))
            self.answer({"data": [{"id": model.as_posix()} for model in models]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            own.asked += 1
            own.is_dead = own.is_dead or own.asked == own.dies_at
            if own.is_dead:
                self.close_connection = True
                return
            answer = asyncio.run(policy(asked["messages"], asked["tools"], seed=asked["seed"]))
            assert answer is not None
            choice = {"message": answer.message, "finish_reason": answer.finish_reason}
            self.answer({"model": "scripted", "choices": [choice]})

        def answer(self, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # whoever asked was killed
                return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            own.url = f"http://127.0.0.1:{http.server_port}/v1"
            yield own
        finally:
            http.shutdown()
            thread.join()


def make(root: Path, url: str) -> None:
    """A repository with this one's code and graph, and the toy's params."""
    for name in CODE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, root / name)
    (root / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", root / ".dvc/config")
    shutil.copy(ROOT / ".dvc/.gitignore", root / ".dvc/.gitignore")
    (root / "params.yaml").write_text(yaml.safe_dump(params(url), sort_keys=False))
    with (root / ".gitignore").open("a") as ignored:
        ignored.write("/scripted/\n")
    author = ["-c", "user.name=toy", "-c", "user.email=toy@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-qm", "toy"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def params(url: str) -> dict[str, Any]:
    """The repository's params, so much smaller that most of a stage's time is imports."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    found["fetch"]["synthetic"] = dict(CORPUS)
    found["bootstrap"]["model"] |= MODEL
    practice = found["bootstrap"]["apprenticeship"]
    practice |= {"towns": 1, "dialogues": 8}
    for trl in (practice["trl"], *(arm["trl"] for arm in found["train"]["arms"].values())):
        trl |= STEPS
    found["engine"] |= {"backend": "endpoint", "urls": [url]}
    found["harvest"]["scenarios"] = 4
    for search in found["harvest"]["searches"].values():
        search |= {"beam": 4, "turns": 8, "patience": 0}
    found["evaluate"]["scenarios"] = {"val": 2, "test": 2}
    found["evaluate"]["traces"] = 1
    return found


def environment() -> dict[str, str]:
    """Plain `python` is this one, the code is the toy's, and nothing is inherited from a run."""
    ours = ("PREFECT", "MLFLOW", "WOZ", "DVC", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, "PATH": path, "WOZ_PREFECT": "off", "OMP_NUM_THREADS": "1"}


def dvc(root: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start dvc as the leader of a process group of its own; what it says comes line by line."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def say(root: Path, *arguments: str) -> str:
    """Run dvc to its end; what it said.

    Raises:
        AssertionError: it failed.
    """
    process = dvc(root, *arguments)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def results(root: Path) -> dict[str, str]:
    """DVC's hash of what the pipeline made.

    Not of the registration: every one gets a version, and an id, of its own.
    """
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    outs = (out for stage in lock["stages"].values() for out in stage.get("outs", ()))
    return {out["path"]: out["md5"] for out in outs if out["path"] != "reports/registration.json"}
