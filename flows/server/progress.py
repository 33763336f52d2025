"""Progress of a stage as an artifact of its Prefect run: a bar in the UI."""

from __future__ import annotations

import logging
import re
from typing import Any
from uuid import UUID

from dialogue.progress import Progress
from flows.server import runtime

log = logging.getLogger(__name__)


class ProgressBars:
    """A bar for each label; nothing if no Prefect server records the run."""

    def __init__(self) -> None:
        self._bars: dict[str, UUID] = {}
        self._lost = False

    def __call__(self, progress: Progress) -> None:
        """Move a bar. A server that fails causes one warning and does not end the stage."""
        if self._lost or not runtime.is_tracked():
            return
        from httpx import HTTPError
        from prefect.exceptions import PrefectException

        try:
            self._draw(progress.label, 100 * progress.share, str(progress))
        except (HTTPError, PrefectException) as error:
            self._lost = True
            log.warning("Prefect did not take the progress of %s: %s", progress.label, error)

    def _draw(self, name: str, percent: float, line: str) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        # _sync: inside an event loop Prefect would return a coroutine.
        if name in self._bars:
            update_progress_artifact(self._bars[name], percent, line, _sync=True)  # type: ignore[call-arg]
        else:
            key = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
            made: Any = create_progress_artifact(percent, key, line, _sync=True)  # type: ignore[call-arg]
            self._bars[name] = made
