"""One training run in several processes: `accelerate launch`, and what it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from services.processes import reaped
from tasks.train.guards.options import DEEPSPEED, require_package
from tasks.train.recipe import NOTHING, Options, TrainConfig, TrainError

PROCESSES = "processes"
"""Folder inside an arm's folder of work with what the processes share."""
LAUNCHERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""Where MPI and Slurm say how many processes there are; accelerate believes it before its own."""


def require_own_processes(environment: Mapping[str, str]) -> None:
    """Refuse to train as what another launcher than `accelerate launch` has started.

    Raises:
        TrainError: a variable says that this is one of several processes.
    """
    alone = "MASTER_ADDR" not in environment  # accelerate sets it with the other two
    for name in (*LAUNCHERS, *(("WORLD_SIZE", "LOCAL_RANK") if alone else ())):
        value = environment.get(name, "")
        if value not in ("", "-1", *(() if name == "LOCAL_RANK" else ("0", "1"))):
            raise TrainError(
                f"the environment has {name}={value}, as of one of several processes that mpirun, "
                f"srun or torchrun starts: unset {name}; train.accelerate starts several here"
            )


def launch(
    config: TrainConfig,
    arm: str,
    round: Path,
    datasets: Path,
    work: Path,
    template_kwargs: Options = NOTHING,
) -> dict[str, Any]:
    """Train an arm in the processes of ``config.accelerate``; returns what `Trained` holds.

    Raises:
        TrainError: there is no such configuration, or DeepSpeed, which it asks for, is missing;
            or the first process's own error.
        OSError: the processes ended without a result.
    """
    if not Path(config.accelerate).is_file():
        raise TrainError(f"train.accelerate: there is no file {config.accelerate}")
    asked = yaml.safe_load(Path(config.accelerate).read_text(encoding="utf-8"))
    if asked.get("distributed_type") == "DEEPSPEED":
        require_package(DEEPSPEED, f"train.accelerate: {config.accelerate}")
    work.mkdir(parents=True, exist_ok=True)
    job, result = work / "job.json", work / "result.json"
    result.unlink(missing_ok=True)
    places = {"round": str(round), "datasets": str(datasets), "work": str(work / PROCESSES)}
    asked = {"arm": arm, "template_kwargs": template_kwargs, **places}
    job.write_text(json.dumps({"config": asdict(config), **asked}, default=dict))
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    command += ["--config_file", config.accelerate, "-m", "tasks.train.process", str(job)]
    status = _run(command, {**os.environ, **_tracking()})
    answer = json.loads(result.read_text()) if result.exists() else {}
    if "error" in answer:
        raise TrainError(answer["error"])
    if status or not answer:
        raise OSError(f"accelerate launch ended with status {status}; its last lines say why")
    return dict(answer)


def config_of(record: Mapping[str, Any]) -> TrainConfig:
    """The configuration that a job's file holds, for this process alone."""
    return TypeAdapter(TrainConfig).validate_python({**record, "accelerate": ""})


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    """Run to the end; whatever interrupts it ends the processes too."""
    process = subprocess.Popen(command, env=dict(environment), start_new_session=True)
    with reaped([process]):
        return process.wait()


def _tracking() -> dict[str, str]:
    """The stage's MLflow run, for the first process to log to."""
    if "mlflow" not in sys.modules:
        return {}
    import mlflow

    active = mlflow.active_run()
    if active is None:
        return {}
    return {
        "MLFLOW_RUN_ID": str(active.info.run_id),
        "MLFLOW_TRACKING_URI": str(mlflow.get_tracking_uri()),
    }
