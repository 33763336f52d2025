"""MLflow: one run a stage, under one parent a pipeline execution.

Inside :func:`stage_run` the run is MLflow's active one: log to it with ``mlflow.log_*`` from the
thread that opened it. The active run is thread-local: another thread's ``mlflow.log_*`` would
silently open a second run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from dialogue.progress import Progress
from services.mlflow import provenance, system_metrics
from services.mlflow.inputs import flat, log_datasets, log_params
from services.mlflow.store import TrackingError, beside, connect, lock

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

PIPELINE_TAG, KIND_TAG, PROCESS_TAG = "pipeline.id", "run.kind", "process"
PARENT_TAG = "mlflow.parentRunId"
"""MLflow's own name."""
OF_THE_RUN = ("git.", "dvc.exp", "prefect.", PIPELINE_TAG, PROCESS_TAG)
"""What the tags begin with that are of a pipeline's whole execution, not of one stage."""


@contextmanager
def stage_run(
    stage: str, configs: Mapping[str, Any], tags: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The MLflow run of one execution of a stage; yields its id.

    It carries the flattened configs (section -> dataclass) as params, git's commit and DVC's
    hashes as tags, and what it reads below data/ as datasets. It ends FINISHED, FAILED when the
    body raises, KILLED when it is interrupted; the parent takes the same status.

    Raises:
        TrackingError: MLflow's store cannot be reached, or refuses, before the body or in what
            it logs itself. What :func:`report` and :func:`keep` log is a warning then.
    """
    import mlflow

    with _clear_errors():
        experiment = connect()
        client = mlflow.MlflowClient()
        _bury_the_dead(client, experiment)
        common = {**provenance.git_tags(), **_process_tags(), **(tags or {})}
        hashes = provenance.dvc_hashes(outs=False)
        params = dict(flat(configs))
        parent = _parent(client, experiment, common, params)
        mlflow.start_run(
            experiment_id=experiment,
            run_name=stage,
            nested=True,
            parent_run_id=parent,
            tags={**common, KIND_TAG: "stage", "dvc.stage": stage, **_tagged("dep", hashes.deps)},
        )
        run_id = _active_run_id()
        log_params(client, run_id, params)
        log_datasets(client, run_id, stage, hashes.deps)
        monitor = system_metrics.start(run_id)
    status = "FAILED"
    try:
        with _clear_errors():
            yield run_id
        outs = _tagged("out", provenance.dvc_hashes(outs=True).outs)
        beside("the hashes of the outputs", lambda: mlflow.set_tags(outs))
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        system_metrics.finish(monitor)
        _end(client, status, parent)


@contextmanager
def part_run(name: str) -> Iterator[None]:
    """A run below the stage's, as ``bootstrap/finetuning``: the active one while the body works.

    For a stage that trains more than once: each training has params and curves of its own.
    Without an active run, or with a store that takes none, the body works all the same.
    """
    import mlflow

    stage = mlflow.active_run()
    if stage is None:
        yield
        return
    title = f"{stage.info.run_name}/{name}"
    tags = {**_of_the_run(stage.data.tags), KIND_TAG: "part"}
    taken = beside(
        f"the run {title}", lambda: mlflow.start_run(run_name=title, nested=True, tags=tags)
    )
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        if taken:
            _end(mlflow.MlflowClient(), status, None)


def report(metrics: Mapping[str, float | None], *, step: int = 0) -> None:
    """Log the figures a pipeline is compared by: on the stage's run and on its parent's.

    A figure that is None was not measured: it is left out.

    Args:
        metrics: By name.
        step: The round's number, of a stage that every round has: MLflow draws them as a curve.
    """
    import mlflow

    measured = {name: value for name, value in metrics.items() if value is not None}

    def write() -> None:
        mlflow.log_metrics(measured, step=step)
        active = mlflow.active_run()
        if active and (parent := active.data.tags.get(PARENT_TAG)):
            mlflow.log_metrics(measured, step=step, run_id=parent)

    beside("the metrics", write)


def report_progress(progress: Progress) -> None:
    """Log how far the stage is, on its own run; nothing where MLflow has no active run here.

    A listener of ``dialogue.progress``; the step is the number of items that are done.
    """
    import mlflow

    if mlflow.active_run() is not None:
        metrics = {f"progress.{progress.label}.{k}": v for k, v in progress.figures.items()}
        beside("the progress", lambda: mlflow.log_metrics(metrics, step=progress.done))


def tag(name: str, value: str) -> None:
    """Mark the active run."""
    import mlflow

    beside(f"the tag {name}", lambda: mlflow.set_tag(name, value))


def report_policy(
    name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    results: Path | None = None,
) -> None:
    """Log what one policy earned as a run of its own below the stage's: ``compare/r1/josh_sft``.

    The metrics have the same names for every policy: select two runs in MLflow, and they compare.

    Args:
        name: Of the policy.
        params: How it was trained, nested as in :func:`stage_run`.
        metrics: Its figures, without its name in theirs.
        results: A file that is kept with the run.
    """
    beside(f"the run of {name}", lambda: _policy_run(name, params, metrics, results))


def _policy_run(
    name: str, params: Mapping[str, Any], metrics: Mapping[str, float], results: Path | None
) -> None:
    import mlflow

    stage = mlflow.active_run()
    if stage is None:
        raise TrackingError("MLflow has no active run in this thread")
    own = {KIND_TAG: "policy", "policy": name, PARENT_TAG: stage.info.run_id}
    client = mlflow.MlflowClient()
    run = client.create_run(
        stage.info.experiment_id,
        run_name=f"{stage.info.run_name}/{name}",
        tags={**_of_the_run(stage.data.tags), **own},
    )
    log_params(client, run.info.run_id, dict(flat(params)))
    mlflow.log_metrics(dict(metrics), run_id=run.info.run_id)
    if results:
        client.log_artifact(run.info.run_id, str(results))
    client.set_terminated(run.info.run_id)


def keep(path: Path) -> None:
    """Store a file, or a folder with its name, with the active run."""
    import mlflow

    if path.is_dir():
        beside(str(path), lambda: mlflow.log_artifacts(str(path), artifact_path=path.name))
    else:
        beside(str(path), lambda: mlflow.log_artifact(str(path)))


def _end(client: MlflowClient, status: str, parent: str | None) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    # The stage is over: no waiting for minutes. A dead store is asked all the same, or MLflow
    # would hold the run for open and ask again when the process ends.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    try:
        mlflow.end_run(status)
        if parent is not None:
            client.set_terminated(parent, status)
    except MlflowException as error:  # the stage's own outcome is what must be heard
        line = str(error).splitlines()[0]
        log.warning("MLflow did not take the end of this run (%s): %s", status, line)


@contextmanager
def _clear_errors() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise TrackingError(f"MLflow: {str(error).splitlines()[0]}") from error


def _active_run_id() -> str:
    import mlflow

    active = mlflow.active_run()
    if active is None:
        raise TrackingError("MLflow has no active run in this thread")
    return str(active.info.run_id)


def _process_tags() -> dict[str, str]:
    tags = {PROCESS_TAG: provenance.process_id(psutil.Process())}
    if pipeline := provenance.pipeline_id():
        tags[PIPELINE_TAG] = pipeline
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc.exp"] = experiment
    return tags


def _parent(
    client: MlflowClient, experiment: str, tags: Mapping[str, str], params: Mapping[str, str]
) -> str | None:
    """The pipeline's run, opened by its first stage and opened again by each later one."""
    pipeline = tags.get(PIPELINE_TAG)
    if pipeline is None:
        return None
    where = f"tags.`{PIPELINE_TAG}` = '{pipeline}' and tags.`{KIND_TAG}` = 'pipeline'"
    with lock():
        found = client.search_runs([experiment], where, max_results=1)
        if found:
            run = found[0]
        else:
            name = f"pipeline {tags.get('git.commit', '')[:7]}".strip()
            own = {**_of_the_run(tags), KIND_TAG: "pipeline"}
            run = client.create_run(experiment, tags=own, run_name=name)
    run_id = str(run.info.run_id)
    client.update_run(run_id, status="RUNNING")
    client.set_tag(run_id, PROCESS_TAG, tags[PROCESS_TAG])
    known = run.data.params
    log_params(client, run_id, {key: value for key, value in params.items() if key not in known})
    return run_id


def _bury_the_dead(client: MlflowClient, experiment: str) -> None:
    """End the runs whose process was killed: MLflow would show them as running for ever."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        process = run.data.tags.get(PROCESS_TAG)
        if process is not None and provenance.is_dead(process):
            client.set_terminated(run.info.run_id, "KILLED")


def _of_the_run(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key.startswith(OF_THE_RUN)}


def _tagged(kind: str, hashes: Mapping[str, str]) -> dict[str, str]:
    return {f"dvc.{kind}.{path}": md5 for path, md5 in hashes.items()}
