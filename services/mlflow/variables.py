"""MLflow's variables of the environment that would lead the run of a stage elsewhere.

A notebook or ``mlflow run`` sets them for a run of its own.
"""

from __future__ import annotations

import json
import os

JOINING = ("MLFLOW_RUN_ID", "MLFLOW_NESTED_RUN")
"""The run to go on with instead of a new one; whether a training opens one below the stage's."""
TAGS = "MLFLOW_TAGS"
"""Tags that transformers adds to the run of a training."""


def settle() -> None:
    """Drop what would join the stages into one run.

    Raises:
        ValueError: the tags are no JSON object, at which a training would fail hours later.
    """
    for name in JOINING:
        os.environ.pop(name, None)
    try:
        tags = json.loads(os.environ.get(TAGS) or "{}")
    except (ValueError, RecursionError):
        tags = None
    if not isinstance(tags, dict):
        raise ValueError(f'{TAGS} is no JSON object, as {{"owner": "me"}}: correct or unset it')
