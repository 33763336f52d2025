"""What an edit of one file makes stale in a finished run, by what DVC itself says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.helpers import toy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PLAYED = "bootstrap evaluate harvest"
WORLD = f"{PLAYED} compare convert gate validate"
ENGINES = "baseline benchmarks evaluate harvest"
TABLE = {
    "docs/numbers.md": "",
    "tests/flows/test_stage.py": "",
    "josh/view/html.py": "",
    "josh/view/page/page.css": "",
    "toolwoz/cli/main.py": "",
    "worlds/tau_bench/episode.py": "",
    "flows/pipeline.py": "",
    "flows/stage.py": "",
    "flows/server/artifacts.py": "",
    "flows/tools/summary.py": "",
    "services/mlflow/tracking.py": "",
    "toolwoz/report/charts.py": "compare",
    "toolwoz/report/templates/report.css": "compare",
    "tasks/compare/templates/comparison.html.j2": "compare",
    "dialogue/messages.py": f"{WORLD} {ENGINES} extract",
    "toolwoz/corpus/synthetic/city.py": "bootstrap convert fetch validate",
    "toolwoz/conversion/goals.py": "bootstrap convert",
    "toolwoz/world/episode.py": WORLD,
    "toolwoz/users/agenda.py": PLAYED,
    "toolwoz/agents/noisy.py": "bootstrap",
    "toolwoz/evaluation/metrics.py": "compare evaluate gate",
    "toolwoz/evaluation/runs/runner.py": "bootstrap compare evaluate gate",
    "josh/search/search.py": "harvest",
    "josh/harvesting/scheduler.py": "harvest",
    "josh/tree/node.py": "extract harvest",
    "josh/rows/curation.py": "extract",
    "services/engines/loop.py": ENGINES,
    "services/engines/models/merging.py": f"{ENGINES} bootstrap register start train",
    "tasks/fetch.py": "fetch",
    "tasks/validate/expectations.py": "validate",
    "tasks/convert.py": "convert",
    "tasks/bootstrap/job.py": "bootstrap",
    "tasks/rounds/accept.py": "gate start",
    "tasks/rounds/start.py": "gate start",
    "tasks/harvest/job.py": "harvest",
    "tasks/extract/job.py": "extract",
    "tasks/train/rows.py": "bootstrap train",
    "tasks/evaluate/job.py": "evaluate",
    "tasks/benchmarks/job.py": "baseline benchmarks",
    "tasks/benchmarks/scores/comparison.py": "baseline benchmarks compare gate",
    "tasks/rounds/gate.py": "gate",
    "tasks/register/model_card.py": "register",
    "flows/stages/train.py": "train",
}
"""A file -> the stages that are run again for its sake; what follows them follows by their data."""


@pytest.fixture(scope="module")
def root(whole: toy.Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(whole.root, tmp_path_factory.mktemp("stale") / "copy"))


@pytest.fixture
def edited(root: Path, path: str) -> Iterator[Path]:
    """A repository in which that file ends with a comment; after the test it does not."""
    file = root / path
    before = file.read_bytes() if file.exists() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes((before or b"") + b"# edited\n")
    yield root
    if before is None:
        file.unlink()
    else:
        file.write_bytes(before)


def stale(root: Path) -> set[str]:
    """The stages that `dvc status` says are not up to date, of whatever round and arm."""
    with Repo(str(root)) as repo:
        return {stage.rpartition(":")[2].partition("@")[0] for stage in repo.status()}


@pytest.mark.parametrize("path", TABLE)
def test_an_edit_makes_stale_what_comes_of_the_file_and_nothing_else(
    edited: Path, path: str
) -> None:
    assert path.startswith(("docs/", "tests/")) or (toy.ROOT / path).is_file()
    assert stale(edited) == set(TABLE[path].split())


def test_every_package_and_every_stage_is_in_the_table(root: Path) -> None:
    assert set(toy.CODE) - {"configs"} <= {path.partition("/")[0] for path in TABLE}
    stages = {name.partition("@")[0] for name in toy.stages(root)}
    assert stages == {stage for found in TABLE.values() for stage in found.split()}
