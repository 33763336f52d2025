"""Prefect flows: one per stage of dvc.yaml, and the whole run."""

import tasks as _tasks  # noqa: F401  telemetry is off before anything else is imported
