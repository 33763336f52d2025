"""Processor, memory, disk, network and GPU in a stage's MLflow run, every ten seconds.

MLflow's own variables apply: ``MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING=false`` switches it off,
``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL`` sets the seconds. ``mlflow.start_run`` could start the
same monitor, but would then wait for minutes at the end if the MLflow server is gone.
"""

from __future__ import annotations

from typing import Any, cast

from services.mlflow.store import log_optional


def start(run_id: str) -> Any | None:
    """Start MLflow's ``SystemMetricsMonitor``; None if it is switched off."""
    from mlflow import environment_variables
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    switch: Any = environment_variables.MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
    if switch.is_set() and not switch.get():
        return None
    monitor: Any = cast(Any, SystemMetricsMonitor)(run_id)  # MLflow's own has no types
    monitor.start()
    return monitor


def finish(monitor: Any | None) -> None:
    """Stop the monitor; if the server is gone, its thread ends with the process."""
    if monitor is not None:
        log_optional("the last system metrics", monitor.finish)
