"""Processor, memory, disk, network and GPU in a stage's MLflow run, every ten seconds.

MLflow's own variables decide: ``MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING=false`` switches it off,
``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL`` gives other seconds. ``mlflow.start_run`` would start
the same monitor, and with it wait for minutes at the end of a stage whose MLflow server is gone.
"""

from __future__ import annotations

from typing import Any, cast

from services.mlflow.store import beside


def start(run_id: str) -> Any | None:
    """Begin to measure, by MLflow's ``SystemMetricsMonitor``; None where it is switched off."""
    from mlflow import environment_variables
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    switch: Any = environment_variables.MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
    if switch.is_set() and not switch.get():
        return None
    monitor: Any = cast(Any, SystemMetricsMonitor)(run_id)  # MLflow's own has no types
    monitor.start()
    return monitor


def finish(monitor: Any | None) -> None:
    """End it; where the server is gone, its thread ends with the process."""
    if monitor is not None:
        beside("the last system metrics", monitor.finish)
