"""The store of MLflow's runs: a SQLite file at the repository's root, or a server."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from dialogue.endpoints.proxies import bypass_loopback, is_proxied
from dialogue.files import replacing
from services.mlflow import provenance

log = logging.getLogger(__name__)

EXPERIMENT = "toolwoz-josh"


class TrackingError(OSError):
    """MLflow's store cannot be reached, or refuses."""


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or the SQLite file of this repository, which is made if missing.

    Raises:
        TrackingError: the file cannot be made, or no server answers at the address.
    """
    bypass_loopback()
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        _require_server("MLFLOW_TRACKING_URI", uri)
        return uri
    database = _database()
    with lock():
        if not database.exists():
            _create(database)
    return _sqlite(database)


def connect() -> str:
    """Point MLflow at the store and the experiment; returns the experiment's id.

    ``MLFLOW_EXPERIMENT_NAME`` names it, or else ``MLFLOW_EXPERIMENT_ID`` one that exists.

    Raises:
        TrackingError: as :func:`tracking_uri`, or of ``MLFLOW_REGISTRY_URI``, which only the last
            stage writes to.
    """
    import mlflow

    uri = tracking_uri()
    _require_registry()
    mlflow.set_tracking_uri(uri)
    try:
        return _experiment(uri)
    except ImportError as error:  # the driver of a database
        raise TrackingError(f"MLFLOW_TRACKING_URI: {error}; install it, or unset it") from error


def _experiment(uri: str) -> str:
    import mlflow

    name, number = (os.environ.get(f"MLFLOW_EXPERIMENT_{one}") for one in ("NAME", "ID"))
    if number and not name:
        return str(mlflow.set_experiment(experiment_id=number).experiment_id)
    name = name or EXPERIMENT
    with lock():  # two stages that start at once must not both create it
        found = mlflow.get_experiment_by_name(name)
        if found is None:
            is_ours = uri == _sqlite(_database())
            place = (_home() / "artifacts").as_uri() if is_ours else None  # None: the store chooses
            mlflow.create_experiment(name, artifact_location=place)
    found = mlflow.set_experiment(name)
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)  # MLflow sets it; the next store has another
    return str(found.experiment_id)


def log_optional(what: str, write: Callable[[], object]) -> bool:
    """Write to MLflow what the stage's files also hold: a store that fails is a warning.

    MLflow is a side output of every stage but register: a store that dies must not cost a stage
    the hours that it has worked.

    Args:
        what: Description of what is written, for the warning.
        write: Function that writes it.

    Returns:
        Whether it was written.
    """
    from mlflow.exceptions import MlflowException

    try:
        tracking_uri()  # fails in seconds; MLflow's own calls retry for minutes
        write()
    except (MlflowException, OSError) as error:
        log.warning("MLflow did not take %s: %s", what, str(error).splitlines()[0])
        return False
    return True


def _home() -> Path:
    home = provenance.root() / ".mlflow"
    home.mkdir(exist_ok=True)
    return home


def _database() -> Path:
    return _home() / "mlflow.db"


def lock() -> FileLock:
    """Lock to hold while looking for an entry of the store and making it if missing."""
    return FileLock(_home() / "lock")


def _sqlite(database: Path) -> str:
    """The address of a file. One of SQLite ends at a question mark, and has no way to quote it:
    then the path is relative to the working directory, where the repository's own name is not."""
    return f"sqlite:///{os.path.relpath(database) if '?' in str(database) else database}"


def _create(database: Path) -> None:
    """Make a migrated database and move it into place: concurrent migrations break SQLite files."""
    with replacing(database) as part:
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", _sqlite(part)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
            raise TrackingError(f"could not create {database}: {last[0]}")


def _require_registry() -> None:
    """Refuse in the first stage what would fail in the last, after all training."""
    if not (uri := os.environ.get("MLFLOW_REGISTRY_URI")):
        return
    from mlflow import MlflowClient

    _require_server("MLFLOW_REGISTRY_URI", uri)
    try:
        MlflowClient(registry_uri=uri).search_registered_models(max_results=1)
    except Exception as error:  # each kind of store has its own; the address may have a password
        raise TrackingError(
            "no registry of models at the address in MLFLOW_REGISTRY_URI "
            f"({type(error).__name__}); correct it, or unset it to register where the runs are kept"
        ) from error


def _require_server(variable: str, uri: str) -> None:
    """Fail in seconds where MLflow would retry a dead server for minutes."""
    try:
        address = urlsplit(uri)
        if address.scheme not in ("http", "https"):
            return
        if not address.hostname:
            raise ValueError("it names no host")
        port = address.port or {"http": 80, "https": 443}[address.scheme]
    except ValueError as error:
        raise TrackingError(f"{variable} is no address ({error}); correct it") from error
    if is_proxied(uri):
        return  # only the proxy may know the way
    try:
        socket.create_connection((address.hostname, port), timeout=5).close()
    except OSError as error:
        raise TrackingError(
            f"no MLflow server at {address.hostname}:{port} ({error.strerror or error}); start it, "
            f"or unset {variable} to keep runs and models in .mlflow/ here"
        ) from error
