"""Harvest and evaluation over two Dask workers and two endpoints, against those of one process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from flows.scaling import ScaleConfig, over_parts
from josh.tree.store import read_trees
from tests.helpers.agents import Agents, serving
from tests.helpers.recording import DIALOGUE
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy
from toolwoz.conversion.conversion import convert
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.sources import SyntheticConfig, fetch
from toolwoz.world.scenario import write_scenarios

ROOT = Path(__file__).parents[3]
SCENARIOS = 12


def test_shards_need_somebody_to_take_them() -> None:
    with pytest.raises(ValueError, match=r"either workers .* or an address"):
        ScaleConfig(shards=4)
    with pytest.raises(ValueError, match=r"either workers .* or an address"):
        ScaleConfig(shards=4, workers=2, address="tcp://node:8786")


def test_without_dask_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prefect_dask", None)
    with pytest.raises(RuntimeError, match=r"pip install 'toolwoz-josh\[scale\]'"):
        over_parts(ScaleConfig(shards=2, workers=2), "harvest", lambda *_: None)


def test_where_nothing_is_shared_nothing_is_imported() -> None:
    stages = "flows.stages.harvest, flows.stages.evaluate"
    look = f"import sys, {stages}; print({{'dask', 'prefect'}} & {{*sys.modules}})"
    found = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, check=True)
    assert found.stdout == b"set()\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    size = SyntheticConfig(seed=3, train=SCENARIOS, val=3, test=6)
    conversion = convert(read_corpus(fetch("synthetic", folder / "raw", synthetic=size)), "v2")
    conversion.world.save(folder / "toolwoz")
    write_scenarios(folder / "toolwoz" / "scenarios.jsonl", conversion.scenarios)
    return folder / "toolwoz"


@contextmanager
def two_servers(corpus: Path) -> Iterator[tuple[Agents, Agents]]:
    expert = Expert(DIALOGUE.world(corpus))
    models = {
        "arms/r1/start": Noisy(expert, 0.7),
        "arms/r1/trained/arm": Noisy(expert, 0.2),
    }
    with serving(models) as first, serving(models) as second:
        yield first, second


class Workspace:
    """A folder with everything that the two stages read, and params.yaml."""

    def __init__(self, folder: Path, corpus: Path, servers: tuple[Agents, Agents]) -> None:
        self.folder = folder
        for name in ("start", "trained/arm"):
            (folder / "arms" / "r1" / name).mkdir(parents=True)
        (folder / "data").mkdir()
        (folder / "data" / "toolwoz").symlink_to(corpus)
        self.params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
        engine = {"backend": "endpoint", "urls": [server.url for server in servers]}
        self.params["engine"] |= engine
        self.params["harvest"] |= {"scenarios": SCENARIOS, "dialogues": 2, "calls": 8}
        self.params["harvest"]["searches"]["josh"] |= {"beam": 4, "turns": 8}
        self.params["evaluate"] |= {"scenarios": {"val": 3, "test": 6}, "concurrency": 2}
        self.params["gate"] |= {"candidate": "arm"}
        self.params["train"]["arms"] = {"arm": self.params["train"]["arms"].pop("josh_sft")}

    @contextmanager
    def started(self, stage: str, **scale: Any) -> Iterator[subprocess.Popen[str]]:
        """A stage that runs; killed on the way out if it still does."""
        self.params["scale"] = {"shards": 0, "retry_delay": 0.5, **scale}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params))
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "PREFECT_HOME": str(self.folder / ".prefect"),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
            "WOZ_PREFECT": "off",
        }
        with subprocess.Popen(
            [sys.executable, "-m", f"flows.stages.{stage}", "r1"],
            cwd=self.folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                running = process.poll() is None
                family = psutil.Process(process.pid).children(recursive=True) if running else ()
                process.kill()
                for child in family:  # its Prefect server would stay
                    if "uvicorn" in " ".join(child.cmdline()):
                        child.kill()

    def run(self, stage: str, **scale: Any) -> str:
        with self.started(stage, **scale) as process:
            return _said(process)

    def trees(self) -> dict[str, bytes]:
        """The files of trees."""
        return {path.name: path.read_bytes() for path in self.files("data/trees/r1")}

    def results(self) -> dict[str, bytes]:
        """The files of results, and what is made of them."""
        files = [*self.files("reports/evaluation")]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}

    def files(self, folder: str) -> list[Path]:
        return [path for path in sorted((self.folder / folder).rglob("*")) if path.is_file()]


def _workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The Dask workers below a stage."""
    found = psutil.Process(process.pid).children(recursive=True)
    return [child for child in found if re.search("dask worker|spawn_main", str(child.cmdline()))]


def _said(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def _wait_for(condition: Any, process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        time.sleep(0.05)


dask = pytest.mark.usefixtures("_dask")


@pytest.fixture
def _dask() -> None:
    pytest.importorskip("prefect_dask")


@dask
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sharded_harvest_killed_and_crippled_gives_the_trees_of_one(
    corpus: Path, mlflow_root: Path
) -> None:
    with two_servers(corpus) as servers:
        place = Workspace(mlflow_root, corpus, servers)
        place.run("harvest")
        alone, asked_alone = place.trees(), _asked(servers)
        assert len(alone) == 4
        trees = list(read_trees(mlflow_root / "data" / "trees" / "r1" / "josh.jsonl"))
        assert sum(tree.reward > 0 for tree in trees) > SCENARIOS / 2
        (mlflow_root / "data" / "trees").rename(mlflow_root / "data" / "alone")

        with place.started("harvest", shards=4, workers=2) as process:
            _wait_for(lambda: min(len(server.asked) for server in servers) > 40, process)
            workers = _workers(process)
            assert len(workers) == 2
        psutil.wait_procs(workers, timeout=30)
        assert not any(worker.is_running() for worker in workers), "none outlives its stage"
        before = _asked(servers)

        servers[0].refusals = 1  # a shard fails once, and is tried again
        with place.started("harvest", shards=3, workers=2) as process:
            _wait_for(lambda: sum(len(server.asked) for server in servers) > 20, process)
            _workers(process)[0].kill()  # and a worker is lost
            _said(process)

        assert place.trees() == alone
        after = _asked(servers)
        repeated = len(before) + len(after) - len(asked_alone)
        assert {*before} | {*after} == {*asked_alone}
        assert repeated <= 3 * 8, "only what was under way when somebody was killed"
        assert not list((mlflow_root / "work" / "harvest" / "r1").iterdir())


def _asked(servers: tuple[Agents, Agents]) -> list[str]:
    """What both were asked since this was last called."""
    asked = [question for server in servers for question in server.asked]
    for server in servers:
        server.asked.clear()
    return asked


@dask
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sharded_evaluation_gives_the_results_of_one(corpus: Path, mlflow_root: Path) -> None:
    with two_servers(corpus) as servers:
        place = Workspace(mlflow_root, corpus, servers)
        place.run("evaluate")
        alone = place.results()
        assert len(alone) == 9, "results and scenarios of two policies and two splits; the report"
        (mlflow_root / "reports").rename(mlflow_root / "alone")
        _asked(servers)

        with place.started("evaluate", shards=3, workers=2) as process:
            _wait_for(lambda: sum(len(server.asked) for server in servers) > 30, process)
            workers = _workers(process)
        psutil.wait_procs(workers, timeout=30)
        servers[1].refusals = 1
        place.run("evaluate", shards=2, workers=2)
        assert place.results() == alone
        assert not (mlflow_root / "work" / "evaluate" / "r1").exists()
