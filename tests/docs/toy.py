"""A clone of this repository with a pipeline so small that all of it runs in a minute or two."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows import params
from flows.processes import reaped
from tests.docs.reading import ROOT

SIZES = [
    *("fetch.synthetic.train=12", "fetch.synthetic.val=6", "fetch.synthetic.test=8"),
    *("bootstrap.model.vocab_size=512", "bootstrap.model.hidden_size=128"),
    *("bootstrap.model.intermediate_size=192", "bootstrap.model.layers=2"),
    *("bootstrap.model.heads=4", "bootstrap.apprenticeship.towns=2"),
    *("bootstrap.apprenticeship.dialogues=8", "bootstrap.apprenticeship.trl.num_train_epochs=1"),
    *(
        "bootstrap.apprenticeship.trl.warmup_steps=2",
        "bootstrap.apprenticeship.trl.logging_steps=1",
        "bootstrap.employment.towns=0",
    ),
    *("engine.backend=transformers", "engine.dtype=float32", "engine.max_tokens=32"),
    *("harvest.scenarios=6", "harvest.searches.josh.beam=2", "harvest.searches.josh.turns=3"),
    *("harvest.searches.rollouts.turns=3", "dialogue.max_messages=8"),
    *("evaluate.scenarios.val=4", "evaluate.scenarios.test=4"),
]


def clone(folder: Path) -> Path:
    """The last commit, with toy sizes in its params.yaml and this environment as its own."""
    root = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root)], check=True)
    (root / ".venv").symlink_to(sys.prefix)
    params.change(SIZES, None, root / "params.yaml")
    return root


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would lead a run out of the clone."""
    ours = ("PREFECT", "MLFLOW", "WOZ", "DVC")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    return {**kept, "PATH": path, "OMP_NUM_THREADS": "1", **more}


@contextmanager
def screens(root: Path, prefect: int, mlflow: int) -> Iterator[None]:
    """`make ui` in the clone, on these ports."""
    ports = [f"--prefect-port={prefect}", f"--mlflow-port={mlflow}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.ui", *ports],
        cwd=root,
        env=environment(PREFECT_HOME=str(root / ".prefect")),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with reaped([process]):
        assert process.stdout
        for line in process.stdout:
            if line.startswith("Ready"):
                break
        else:
            raise AssertionError(f"flows.ui ended with {process.wait()}")
        yield
