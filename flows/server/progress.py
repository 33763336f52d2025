"""Progress of a stage as an artifact of its Prefect run: a bar in the UI."""

from __future__ import annotations

import logging
import re
from typing import Any
from uuid import UUID

from flows.server import runtime

log = logging.getLogger(__name__)


class Progress:
    """A bar for each name; nothing if no Prefect server records the run."""

    def __init__(self) -> None:
        self._bars: dict[str, UUID] = {}
        self._lost = False

    def __call__(self, name: str, share: float, line: str) -> None:
        """Move a bar. A server that fails causes one warning and does not end the stage.

        Args:
            name: Name of the bar.
            share: Share of the work that is done, 0 to 1.
            line: Text below the bar.
        """
        if self._lost or not runtime.is_tracked():
            return
        from httpx import HTTPError
        from prefect.exceptions import PrefectException

        try:
            self._draw(name, 100 * share, line)
        except (HTTPError, PrefectException) as error:
            self._lost = True
            log.warning("Prefect did not take the progress of %s: %s", name, error)

    def _draw(self, name: str, percent: float, line: str) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        # _sync: inside an event loop Prefect would return a coroutine.
        if name in self._bars:
            update_progress_artifact(self._bars[name], percent, line, _sync=True)  # type: ignore[call-arg]
        else:
            key = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
            made: Any = create_progress_artifact(percent, key, line, _sync=True)  # type: ignore[call-arg]
            self._bars[name] = made
