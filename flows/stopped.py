"""Stages after the rounds have stopped: they copy the stop note and do nothing else."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

from flows import reports
from services.mlflow import tracking
from tasks.rounds.sequence import read_stop, write_stop

log = logging.getLogger(__name__)


def skip_if_stopped(source: Path, out: Path, report: Path | None = None) -> bool:
    """Whether `source` holds a stop note; if so, write the note to `out` and into the report.

    Args:
        source: Folder that the stage reads.
        out: Folder that the stage makes.
        report: The stage's report, if it has one.
    """
    stop = read_stop(source)
    if stop is None:
        return False
    log.info("nothing to do: %s", stop)
    write_stop(stop, out)
    if report is not None:
        reports.write(report, {"stopped": asdict(stop)})
    tracking.tag("stopped", str(stop))
    return True
