"""Sources of the compared runs: a folder, or an MLflow run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from tasks.benchmarks.scores.comparison import read_runs
from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.scores.scored_file import SCORED
from tasks.compare.archive import ARCHIVE, unpack
from toolwoz.evaluation.policy_run import PolicyRun, read_policy_run
from toolwoz.evaluation.runs.results_file import NAME


@dataclass(frozen=True, slots=True)
class Run:
    """A compared run.

    Attributes:
        name: Short name, different from the other runs'.
        toolwoz: Evaluation on ToolWOZ; None if it has none.
        benchmarks: Scored items by benchmark.
        seconds: Duration by MLflow; None if unknown.
    """

    name: str
    toolwoz: PolicyRun | None = None
    benchmarks: Mapping[str, Sequence[Scored]] = field(default_factory=dict)
    seconds: float | None = None


def read(words: Sequence[str]) -> list[Run]:
    """The runs of these names, the baseline first.

    Raises:
        ValueError: fewer than two are named, one is named twice, or one is neither a folder nor an
            MLflow run with results.
    """
    if len(words) < 2:
        raise ValueError('name two runs or more: make compare RUNS="BASE TRAINED"')
    if len(set(words)) < len(words):
        raise ValueError("the same run is named twice; name different runs")
    names = [Path(word.rpartition(":")[2]).name for word in words]
    if len(set(names)) < len(names):
        names = list(words)
    return [_read(word, name) for word, name in zip(words, names, strict=True)]


def _read(word: str, name: str) -> Run:
    if Path(word).is_dir():
        return read_folder(Path(word), name)
    return _read_mlflow(word, name)


def read_folder(folder: Path, name: str, seconds: float | None = None) -> Run:
    """The run in a folder: at most one evaluation on ToolWOZ, and one run per benchmark.

    Raises:
        ValueError: the folder has no results, or several evaluations on ToolWOZ.
    """
    played = sorted(path.parent for path in folder.rglob(NAME))
    scored = any(folder.rglob(SCORED))
    if len(played) > 1:
        raise ValueError(
            f"{folder} holds {len(played)} evaluations on ToolWOZ; name one of them: "
            + ", ".join(map(str, played[:6]))
        )
    if not played and not scored:
        raise ValueError(f"{folder} holds neither {NAME} nor {SCORED}: name a folder with results")
    return Run(
        name,
        read_policy_run(played[0], name) if played else None,
        read_runs(folder) if scored else {},
        seconds,
    )


def _read_mlflow(word: str, name: str) -> Run:
    """The MLflow run of ``RUN`` or ``RUN:FOLDER``: by id or, for the latest run, by name.

    A run that the pipeline made for a policy has its results in an archive.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    from services.mlflow.store import connect

    run, _, below = word.partition(":")
    experiment = connect()
    client = mlflow.MlflowClient()
    where = f"attributes.run_name = '{run}'" if "'" not in run else "attributes.run_name = ''"
    try:
        found = client.get_run(run)
    except MlflowException:
        named = client.search_runs([experiment], where, max_results=1)
        if not named:
            raise ValueError(f"{word} is neither a folder nor a run of MLflow") from None
        found = named[0]
    try:
        place = client.download_artifacts(found.info.run_id, below, mkdtemp(prefix="compare-"))
    except MlflowException as error:
        raise ValueError(f"{word}: {str(error).splitlines()[0]}") from error
    if (archive := Path(place) / ARCHIVE).is_file():
        unpack(archive, Path(place))
    info = found.info
    seconds = (info.end_time - info.start_time) / 1000 if info.end_time else None
    return read_folder(Path(place), name, seconds)
