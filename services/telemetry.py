"""Usage reports of the libraries the pipeline runs on: off, and one switch for all of them.

A process of the pipeline sets the variables below when it starts, before any of those libraries is
imported; its child processes inherit them. A variable that the environment already sets stays. With
``WOZ_TELEMETRY=1`` none is set. ``toolwoz`` and ``josh`` use nothing that reports.
"""

from __future__ import annotations

import os

SWITCH = "WOZ_TELEMETRY"
OFF = {
    "DO_NOT_TRACK": "1",  # Prefect and vLLM want 1; MLflow wants `true`, and has its own name
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "VLLM_NO_USAGE_STATS": "1",
}


def switch_off() -> None:
    """Set the variables that are not set yet, unless the switch is on."""
    if os.environ.get(SWITCH) != "1":
        for name, value in OFF.items():
            os.environ.setdefault(name, value)
