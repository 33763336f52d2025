"""Nothing the pipeline runs on reports its use, whichever command it is started by."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from services import telemetry

ENTRIES = ("flows.stage", "flows.tools.ui", "tasks.compare.__main__", "tasks.benchmarks.__main__")
VERDICTS = """
import importlib, json, os, sys
importlib.import_module(sys.argv[1])
found = {name: os.environ.get(name) for name in sys.argv[3:]}
if sys.argv[2] == "verdicts":
    import dvc.analytics, huggingface_hub.constants, mlflow.telemetry.utils
    found = {
        "dvc": dvc.analytics.is_enabled(),
        "hub": not huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY,
        "mlflow": not mlflow.telemetry.utils.is_telemetry_disabled(),
    }
print(json.dumps(found))
"""


def ask(entry: str, what: str = "variables", **variables: str) -> dict[str, object]:
    """What a new process finds once it has imported `entry`, outside CI and outside pytest."""
    silent = {*telemetry.OFF, telemetry.SWITCH, "CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST"}
    kept = {name: value for name, value in os.environ.items() if name not in silent}
    command = [sys.executable, "-c", VERDICTS, entry, what, *telemetry.OFF]
    done = subprocess.run(command, env={**kept, **variables}, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_command_switches_the_reports_off(entry: str) -> None:
    assert ask(entry) == telemetry.OFF


def test_the_libraries_see_it() -> None:
    assert ask("flows", "verdicts") == {"dvc": False, "hub": False, "mlflow": False}


def test_one_switch_sets_none_of_them() -> None:
    assert set(ask("flows", WOZ_TELEMETRY="1").values()) == {None}


def test_what_the_environment_says_stays() -> None:
    assert ask("flows", DO_NOT_TRACK="0") == {**telemetry.OFF, "DO_NOT_TRACK": "0"}
