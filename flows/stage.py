"""The command of a stage: params, log, MLflow run and exit status around its flow.

A stage that fails prints one line with what to do, ends with a status other than 0, and writes the
traceback to logs/. The same command then continues.
"""

from __future__ import annotations

import argparse
import errno
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from flows.params import load_sections
from flows.server import runtime
from services.mlflow import tracking
from services.names import require_names

log = logging.getLogger(__name__)

LOGS = Path("logs")
FILE_ONLY = {"file_only": True}
NOISY = (
    "alembic",
    "great_expectations",
    "httpx",
    "mlflow.store.db.utils",
    "mlflow.system_metrics",
)
FAULTS = (ValueError, OSError, RuntimeError, ImportError)
"""Errors that our packages raise for a bad input, disk or engine, or a library for a package that
it lacks, as of a SOCKS proxy; any other is a bug."""


def main(flow: Callable[..., object], *sections: str, items: Sequence[str] = ()) -> NoReturn:
    """Run `flow` as the stage of its name, with the dataclass of each section of params.yaml.

    Args:
        flow: Called with the config of each section, in order.
        sections: Sections of params.yaml, or fields of them, as :func:`flows.params.load_sections`
            takes them; by default the section of the flow's name.
        items: Names of the arguments that select one of a `foreach` or `matrix` stage, as round and
            arm. The command line has them, or DVC's name of the stage; the flow gets them.
    """
    parser = argparse.ArgumentParser(prog=f"python -m flows.stages.{flow.__name__}")
    for item in items:
        parser.add_argument(item)
    try:
        arguments = sys.argv[1:] or _items(os.environ.get("DVC_STAGE", ""), len(items))
    except ValueError as error:
        sys.exit(str(error))
    sys.exit(run(flow, sections or (flow.__name__,), vars(parser.parse_args(arguments))))


def _items(stage: str, count: int) -> list[str]:
    """What stands after the @ of a stage's name.

    Raises:
        ValueError: one is no name, and could be an option or a path.
    """
    _, _, items = stage.partition("@")
    found = items.split("-", count - 1) if items else []
    require_names(f"params.yaml: {stage}", found)
    return found


def run(flow: Callable[..., object], sections: tuple[str, ...], items: dict[str, str]) -> int:
    """One execution of a stage; returns the exit status."""
    gc.set_threshold(50_000)  # what imports make stays: to look at it took an eighth of a start
    name = os.environ.get("DVC_STAGE") or _name(flow.__name__, items)
    signal.signal(signal.SIGTERM, _terminate)
    # A shell that starts this in the background ignores SIGINT; DVC still passes it on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log_file = _open_log(name)
    try:
        configs = load_sections(sections)
        tags = {"stage": flow.__name__, **items}
        if parent := os.environ.get(runtime.PARENT):
            tags["prefect.flow_run"] = parent
        with tracking.stage_run(name, configs, tags), _kept(log_file):
            flow(*configs.values(), **items)
    except KeyboardInterrupt:
        log.warning("%s: interrupted; the same command goes on from here", name)
        return 130
    except FAULTS as error:
        log.error("%s: %s (more in %s)", name, _what_to_do(error), log_file)
        return 1
    return 0


def _name(stage: str, items: Mapping[str, str]) -> str:
    """The name of a stage in DVC, as ``train@r1-josh_sft``."""
    return f"{stage}@{'-'.join(items.values())}" if items else stage


def _what_to_do(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = error.filename or Path.cwd()
        return f"no space left on the disk of {where}; free some, and run the same command again"
    return str(error)


@contextmanager
def _kept(log_file: Path) -> Iterator[None]:
    """Store the log, with the end of the stage, as an artifact of the MLflow run."""
    try:
        yield
    except BaseException:  # Ctrl-C too, for the log; always raised again
        log.info("traceback", exc_info=True, extra=FILE_ONLY)
        raise
    finally:
        tracking.log_artifact(log_file)


def _open_log(name: str) -> Path:
    """Log to the console and, with time and logger, to logs/NAME.log."""
    LOGS.mkdir(exist_ok=True)
    path = LOGS / f"{name}.log"
    file = logging.FileHandler(path, mode="w", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(message)s"))
    console.addFilter(lambda record: not getattr(record, "file_only", False))
    logging.basicConfig(level=logging.INFO, handlers=[file, console], force=True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return path


def _terminate(signal_number: int, _frame: Any) -> NoReturn:
    """Exit by an exception, so that engines and MLflow runs are closed."""
    sys.exit(128 + signal_number)
