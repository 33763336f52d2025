"""This repository's pipeline at toy size, in a repository of its own: real code, a tiny corpus.

Its policies are trained in a few steps, which teaches them nothing: a scripted expert, behind an
endpoint, most of whose calls are spoiled, answers for all of them, by the seed it is asked with.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.agents import Agents, serving
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy
from toolwoz.conversion.conversion import convert
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.sources import SyntheticConfig, fetch

ROOT = Path(__file__).parents[2]
CODE = ("configs", "dialogue", "flows", "josh", "services", "tasks", "toolwoz", "worlds")
FILES = ("dvc.yaml", "params.yaml", "pyproject.toml", ".dvcignore", ".gitignore")
CORPUS = {"seed": 3, "train": 12, "val": 2, "test": 2}
CLEAN = "Data and pipelines are up to date.\n"
SPOILED = 0.6
"""Share of the expert's calls."""
MODEL = {"vocab_size": 400, "hidden_size": 64, "intermediate_size": 96, "layers": 2}
STEPS = {"max_steps": 4, "save_steps": 1, "warmup_steps": 1, "per_device_train_batch_size": 2}
BY_ITSELF = {"version", "model_id"}
"""Of a registration: each has one of its own."""


@dataclass(frozen=True)
class Whole:
    """A run that was left alone.

    Attributes:
        root: Its repository.
        seconds: What each stage took, in the order they ran.
        results: Hashes of all that it made.
    """

    root: Path
    seconds: Mapping[str, float]
    results: Mapping[str, str]


@contextmanager
def engine(folder: Path) -> Iterator[Agents]:
    """The endpoint; what it needs of the corpus is made in `folder`."""
    corpus = fetch("synthetic", folder, synthetic=SyntheticConfig(**CORPUS))
    expert = Noisy(Expert(convert(read_corpus(corpus), "v2").world), SPOILED)
    names = ("start", "trained/josh_sft", "trained/control")
    with serving({f"arms/r1/{name}": expert for name in names}) as agents:
        yield agents


def make(root: Path, url: str = "") -> None:
    """A repository with this one's code and graph, and params of toy size.

    Args:
        url: Of the endpoint that answers for every policy.
    """
    for name in CODE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, root / name)
    (root / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", root / ".dvc/config")
    shutil.copy(ROOT / ".dvc/.gitignore", root / ".dvc/.gitignore")
    (root / "params.yaml").write_text(yaml.safe_dump(params(url), sort_keys=False))
    author = ["-c", "user.name=toy", "-c", "user.email=toy@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-qm", "toy"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def params(url: str) -> dict[str, Any]:
    """The repository's, so much smaller that most of a stage's time is imports."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    found["fetch"]["synthetic"] = dict(CORPUS)
    found["bootstrap"]["model"] |= MODEL
    trainings = [found["bootstrap"][name] for name in ("pretraining", "finetuning")]
    for one in trainings:
        one["scenarios"] = 4
    for one in (*trainings, found["train"]):
        one["trl"] |= STEPS
    found["engine"] |= {"backend": "endpoint", "urls": [url]}
    found["harvest"]["scenarios"] = 4
    for search in found["harvest"]["searches"].values():
        search |= {"beam": 4, "turns": 8}
    found["harvest"]["searches"]["josh"]["patience"] = 0
    found["evaluate"] |= {"scenarios": {"val": 2, "test": 2}, "traces": 1}
    return found


def environment() -> dict[str, str]:
    """Plain `python` is this one, the code is the toy's, and nothing is inherited from a run."""
    ours = ("PREFECT", "MLFLOW", "WOZ", "DVC", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, "PATH": path, "WOZ_PREFECT": "off", "OMP_NUM_THREADS": "1"}


def dvc(root: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start dvc as the leader of a process group of its own; what it says comes line by line."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env={**environment(), "PYTHONUNBUFFERED": "1", **variables},
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


def give_store(root: Path, migrated: Path) -> None:
    """MLflow's, empty: its making takes ten seconds."""
    (root / ".mlflow").mkdir()
    shutil.copy(migrated, root / ".mlflow" / "mlflow.db")


def left_alone(root: Path) -> dict[str, float]:
    """A whole run; the seconds of each stage."""
    process = dvc(root, "repro")
    assert process.stdout is not None
    said, starts = [], {}
    for line in process.stdout:
        said.append(line)
        if stage := started_stage(line):
            starts[stage] = time.monotonic()
    assert process.wait() == 0, "".join(said)
    ends = [*list(starts.values())[1:], time.monotonic()]
    return {name: end - start for (name, start), end in zip(starts.items(), ends, strict=True)}


def started_stage(line: str) -> str | None:
    found = re.fullmatch(r"Running stage '(.+)':\n", line)
    return found and found[1]


def results(root: Path) -> dict[str, str]:
    """DVC's hash of all that the pipeline made; of the registration without its number."""
    outs = (out for stage in stages(root).values() for out in stage.get("outs", ()))
    found = {out["path"]: out["md5"] for out in outs}
    if (file := root / "reports/registration.json").is_file():
        said = json.loads(file.read_text())
        kept = {name: what for name, what in said.items() if name not in BY_ITSELF}
        found["reports/registration.json"] = hashlib.md5(json.dumps(kept).encode()).hexdigest()
    return found


def stages(root: Path) -> dict[str, Any]:
    """What dvc.lock says of each stage that was run."""
    return dict(yaml.safe_load((root / "dvc.lock").read_text())["stages"])
