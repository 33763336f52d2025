"""What a stage does in a round that has nothing left to do: it hands the note on, and says so."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

from flows import reports
from services.mlflow import tracking
from tasks.rounds import sequence as rounds

log = logging.getLogger(__name__)


def is_passed(source: Path, out: Path, report: Path | None = None) -> bool:
    """Whether `source` holds a note that the rounds stopped; `out` and the report then hold it too.

    Args:
        source: What the stage reads.
        out: What it makes.
        report: What DVC compares of it, where there is such a file.
    """
    stop = rounds.stopped(source)
    if stop is None:
        return False
    log.info("nothing to do: %s", stop)
    rounds.leave_note(stop, out)
    if report is not None:
        reports.write(report, {"stopped": asdict(stop)})
    tracking.tag("stopped", str(stop))
    return True
