"""Prefect flows: one per stage of dvc.yaml, and the whole run.

Importing the package switches off the usage reports of everything the pipeline runs on, unless
the environment says otherwise; ``WOZ_TELEMETRY=1`` leaves them all as their makers set them.
"""

import os

if os.environ.get("WOZ_TELEMETRY") != "1":
    for _name, _value in {
        "DO_NOT_TRACK": "1",  # Prefect and vLLM want 1; MLflow reads its own name
        "DVC_NO_ANALYTICS": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "VLLM_NO_USAGE_STATS": "1",
    }.items():
        os.environ.setdefault(_name, _value)
