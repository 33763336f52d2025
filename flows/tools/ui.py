"""The servers of the UI on loopback: Prefect, its worker, and MLflow. Ctrl-C stops all.

python -m flows.tools.ui [--prefect-port 4200] [--mlflow-port 5000]
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from signal import SIGTERM, default_int_handler, signal

from dialogue.endpoints.proxies import answers
from dialogue.progress import any_terminal
from flows.server import links
from services.mlflow.store import tracking_uri
from services.processes import reaped

HOST = "127.0.0.1"
LOGS = Path("logs")
DEFAULT_PREFECT_PORT = 4200
START_TIMEOUT = 600.0
"""Seconds to wait for a server; the first start of Prefect migrates its database for minutes."""


class ServerError(OSError):
    """A server did not start, or ended."""


def start(
    name: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    """Start `python -m ARGUMENTS` in its own session, with output to logs/ui-NAME.log."""
    LOGS.mkdir(exist_ok=True)
    with _log(name).open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
            text=True,
            start_new_session=True,
        )


def wait_until_healthy(name: str, process: subprocess.Popen[str], url: str) -> None:
    """Raises:
    ServerError: the server ended, or did not answer in time; its last lines are in the message.
    """
    deadline = time.monotonic() + START_TIMEOUT
    while not answers(url):
        require_running({name: process})
        if time.monotonic() > deadline:
            raise ServerError(f"{name} did not answer at {url}:\n{_last_lines(name)}")
        time.sleep(0.2)


def require_running(servers: Mapping[str, subprocess.Popen[str]]) -> None:
    """Raises:
    ServerError: one of them has ended.
    """
    for name, process in servers.items():
        if process.poll() is not None:
            raise ServerError(f"{name} ended with {process.returncode}:\n{_last_lines(name)}")


def require_free(port: int, option: str) -> None:
    """Raises:
    ServerError: something listens on that port already.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServerError(
                f"port {port} is in use ({error.strerror}): is another `make ui` running? "
                f"Stop it, or choose a port with {option}"
            ) from error


def serve(prefect_port: int, mlflow_port: int) -> None:
    """Run the servers until interrupted.

    Raises:
        ServerError: a port is in use, or a server did not start or ended.
    """
    require_free(prefect_port, "PREFECT_PORT=")
    require_free(mlflow_port, "MLFLOW_PORT=")
    prefect, mlflow = f"http://{HOST}:{prefect_port}", f"http://{HOST}:{mlflow_port}"
    with ExitStack() as stack:
        servers: dict[str, subprocess.Popen[str]] = {}

        def run(name: str, arguments: Sequence[str], **environment: str) -> None:
            servers[name] = start(name, arguments, environment)
            stack.enter_context(reaped([servers[name]]))  # ended in reverse: the worker first

        print(f"MLflow   {mlflow}  (starting)", flush=True)
        run("mlflow", mlflow_command(mlflow_port))
        print(f"Prefect  {prefect}  (starting)", flush=True)
        run("prefect", prefect_command(prefect_port), **prefect_settings(prefect_port))
        wait_until_healthy("prefect", servers["prefect"], f"{prefect}/api/health")
        addresses = {"PREFECT_API_URL": f"{prefect}/api", links.MLFLOW_UI: mlflow}
        run("worker", ["flows.deploy"], **addresses)
        wait_until_healthy("mlflow", servers["mlflow"], f"{mlflow}/health")
        print(f"Ready; Ctrl-C stops all three. {_how_to_appear(prefect_port)}", flush=True)
        while True:
            require_running(servers)
            time.sleep(1)


def prefect_command(port: int) -> list[str]:
    """Arguments of `python -m` for the server of Prefect, which answers its own pages alone."""
    quiet = ["--log-level", "warning", "--factory"]
    return ["uvicorn", *quiet, "flows.server.own_pages:prefect", "--host", HOST, f"--port={port}"]


def prefect_settings(port: int) -> dict[str, str]:
    """Environment of :func:`prefect_command`: the address of its pages, which is their origin."""
    return {
        # Without it the pages of Prefect ask the default port.
        "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{host}" for host in _hosts(port)),
    }


def mlflow_command(port: int) -> list[str]:
    """Arguments of `python -m` for the server of MLflow, which answers its own pages alone."""
    store = ["--backend-store-uri", tracking_uri(), "--workers", "1"]
    own = ["--app-name", "own-pages", "--allowed-hosts", ",".join(_hosts(port))]
    return ["mlflow", "server", "--host", HOST, "--port", str(port), *store, *own]


def _hosts(port: int) -> list[str]:
    """The names that a browser here calls a server by."""
    return [f"{HOST}:{port}", f"localhost:{port}"]


def _how_to_appear(prefect_port: int) -> str:
    """Hint on how runs in another shell find this Prefect server."""
    if prefect_port == DEFAULT_PREFECT_PORT:
        return "`make repro` in another shell shows up in both."
    return f"Elsewhere: PREFECT_API_URL=http://{HOST}:{prefect_port}/api make repro"


def _log(name: str) -> Path:
    return LOGS / f"ui-{name}.log"


def _last_lines(name: str) -> str:
    lines = _log(name).read_text(errors="replace").splitlines()[-8:]
    return "\n".join(f"  {line}" for line in lines) + f"\n(all of it in {_log(name)})"


def main() -> int:
    """The command line; returns the exit status."""
    any_terminal()
    parser = argparse.ArgumentParser(prog="python -m flows.tools.ui")
    parser.add_argument("--prefect-port", type=int, default=DEFAULT_PREFECT_PORT)
    parser.add_argument("--mlflow-port", type=int, default=5000)
    options = parser.parse_args()
    signal(SIGTERM, default_int_handler)  # a service manager's stop is a Ctrl-C
    try:
        serve(options.prefect_port, options.mlflow_port)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
