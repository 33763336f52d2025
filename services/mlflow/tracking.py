"""MLflow runs: one per stage, under one parent per pipeline execution.

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
from services.mlflow import provenance, system_metrics, variables
from services.mlflow.inputs import flat, log_datasets, log_params
from services.mlflow.store import TrackingError, connect, lock, log_optional

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

PIPELINE_TAG, KIND_TAG, PROCESS_TAG = "pipeline.id", "run.kind", "process"
PARENT_TAG = "mlflow.parentRunId"
"""MLflow's own name."""
SHARED_TAGS = ("git.", "dvc.exp", "prefect.", PIPELINE_TAG, PROCESS_TAG)
"""Prefixes of the tags that all stages of a pipeline execution share."""


@contextmanager
def stage_run(
    stage: str, configs: Mapping[str, Any], tags: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The MLflow run of one execution of a stage; yields its id.

    The run has the flattened configs (section -> dataclass) as params, git's commit and DVC's
    hashes as tags, and its inputs below data/ as datasets. It ends FINISHED, FAILED if the body
    raises, KILLED if it is interrupted; the parent gets the same status.

    Raises:
        TrackingError: MLflow's store cannot be reached, or refuses, before the body or in what
            it logs itself. A failure of :func:`report` or :func:`log_artifact` is a warning.
        ValueError: a variable of MLflow's holds what cannot be read.
    """
    import mlflow

    variables.settle()
    with _clear_errors():
        experiment = connect()
        client = mlflow.MlflowClient()
        _end_dead_runs(client, experiment)
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
        log_optional("the hashes of the outputs", lambda: mlflow.set_tags(outs))
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        system_metrics.finish(monitor)
        _end(client, status, parent)


@contextmanager
def part_run(name: str) -> Iterator[None]:
    """A child run of the stage's, as ``bootstrap/finetuning``, active while the body runs.

    For a stage that trains more than once, so that each training has its own params and curves.
    Without an active run, or if the store fails, the body runs without it.
    """
    import mlflow

    stage = mlflow.active_run()
    if stage is None:
        yield
        return
    title = f"{stage.info.run_name}/{name}"
    tags = {**_shared(stage.data.tags), KIND_TAG: "part"}
    taken = log_optional(
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
    """Log figures on the stage's run and on its parent's.

    Args:
        metrics: Figures by name; None was not measured and is left out.
        step: Number of the round, over which MLflow draws a curve; 0 for other stages.
    """
    import mlflow

    measured = {name: value for name, value in metrics.items() if value is not None}

    def write() -> None:
        mlflow.log_metrics(measured, step=step)
        active = mlflow.active_run()
        if active and (parent := active.data.tags.get(PARENT_TAG)):
            mlflow.log_metrics(measured, step=step, run_id=parent)

    log_optional("the metrics", write)


def report_progress(progress: Progress) -> None:
    """Log the progress of the stage on its run; nothing without an active run.

    A listener of ``dialogue.progress``; the step is the number of items that are done.
    """
    import mlflow

    if mlflow.active_run() is not None:
        metrics = {f"progress.{progress.label}.{k}": v for k, v in progress.figures.items()}
        log_optional("the progress", lambda: mlflow.log_metrics(metrics, step=progress.done))


def tag(name: str, value: str) -> None:
    """Mark the active run."""
    import mlflow

    log_optional(f"the tag {name}", lambda: mlflow.set_tag(name, value))


def report_policy(
    name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    results: Path | None = None,
) -> None:
    """Log the figures of one policy as a child run of the stage's: ``compare/r1/josh_sft``.

    The metrics have the same names for every policy, so that MLflow can compare two runs.

    Args:
        name: Name of the policy.
        params: Settings of its training, nested as in :func:`stage_run`.
        metrics: Its figures; their names do not hold the policy's.
        results: File to keep with the run.
    """
    log_optional(f"the run of {name}", lambda: _policy_run(name, params, metrics, results))


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
        tags={**_shared(stage.data.tags), **own},
    )
    log_params(client, run.info.run_id, dict(flat(params)))
    mlflow.log_metrics(dict(metrics), run_id=run.info.run_id)
    if results:
        client.log_artifact(run.info.run_id, str(results))
    client.set_terminated(run.info.run_id)


def log_artifact(path: Path) -> None:
    """Store a file, or a folder under its name, with the active run."""
    import mlflow

    if path.is_dir():
        log_optional(str(path), lambda: mlflow.log_artifacts(str(path), artifact_path=path.name))
    else:
        log_optional(str(path), lambda: mlflow.log_artifact(str(path)))


def _end(client: MlflowClient, status: str, parent: str | None) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    # Retries would take minutes. A dead store is asked once nevertheless, as MLflow would otherwise
    # keep the run open and ask again when the process ends.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    try:
        mlflow.end_run(status)
        if parent is not None:
            client.set_terminated(parent, status)
    except MlflowException as error:  # must not hide the outcome of the stage
        line = str(error).splitlines()[0]
        log.warning("MLflow did not take the end of this run (%s): %s", status, line)


@contextmanager
def _clear_errors() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise TrackingError(f"MLflow: {str(error).strip().splitlines()[0]}") from error


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
    """The pipeline's run, opened by its first stage and reopened by each later stage."""
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
            own = {**_shared(tags), KIND_TAG: "pipeline"}
            run = client.create_run(experiment, tags=own, run_name=name)
    run_id = str(run.info.run_id)
    client.update_run(run_id, status="RUNNING")
    client.set_tag(run_id, PROCESS_TAG, tags[PROCESS_TAG])
    known = run.data.params
    log_params(client, run_id, {key: value for key, value in params.items() if key not in known})
    return run_id


def _end_dead_runs(client: MlflowClient, experiment: str) -> None:
    """End the runs whose process was killed, which MLflow would show as running for ever."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        process = run.data.tags.get(PROCESS_TAG)
        if process is not None and provenance.is_dead(process):
            client.set_terminated(run.info.run_id, "KILLED")


def _shared(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key.startswith(SHARED_TAGS)}


def _tagged(kind: str, hashes: Mapping[str, str]) -> dict[str, str]:
    return {f"dvc.{kind}.{path}": md5 for path, md5 in hashes.items()}
