"""A Prefect server that dies in the middle of a stage changes nothing of its outcome."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.processes import reaped
from tests.helpers.http_server import free_port

STAGE = """
import logging, sys, time
from pathlib import Path
from flows.server import runtime

logging.basicConfig()
folder, outcome = Path(sys.argv[1]), sys.argv[2]

def part(number):
    (folder / f"part{number}").touch()

def demo():
    runtime.task(part)(1)
    while not (folder / "dead").exists():
        time.sleep(0.05)
    runtime.task(part)(2)
    if outcome == "fails":
        raise ValueError("of its own")
    return 7

assert runtime.is_tracked()
print(runtime.flow(demo)())
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    own = {"PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": api, "WOZ_PREFECT": "server"}
    environment = {**os.environ, **own}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    with reaped([process], grace=0):
        while True:
            assert process.poll() is None
            try:
                if httpx.get(f"{api}/health", trust_env=False).is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield process, environment


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("outcome", ["ends", "fails"])
def test_a_stage_whose_prefect_server_is_killed_ends_as_it_would(
    outcome: str,
    server: tuple[subprocess.Popen[bytes], dict[str, str]],
    tmp_path: Path,
) -> None:
    process, environment = server
    command = [sys.executable, "-c", STAGE, str(tmp_path), outcome]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as stage:
        while not (tmp_path / "part1").exists():
            assert stage.poll() is None
            time.sleep(0.05)
        with reaped([process], grace=0):
            pass
        killed = time.monotonic()
        (tmp_path / "dead").touch()
        out, err = stage.communicate(timeout=300)
    assert time.monotonic() - killed < 120
    assert (tmp_path / "part2").exists()
    assert err.count("Prefect is lost, the work goes on") == 1
    if outcome == "ends":
        assert (stage.returncode, out) == (0, "7\n")
    else:
        assert (stage.returncode, out) == (1, "")
        assert "\nValueError: of its own\n" in err
