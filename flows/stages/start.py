"""Stage start: a round begins with the policy that the round before it left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows import paths
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import skip_if_stopped
from tasks.rounds.sequence import Round
from tasks.rounds.start import require_scenarios, start_from


@flow
def start(rounds: Mapping[str, Round], harvest: Any, bootstrap: Any, round: str) -> None:
    if skip_if_stopped(paths.MODELS / rounds[round].after, paths.start(round)):
        return
    task(require_scenarios)(
        paths.CORPUS, harvest.split, harvest.scenarios, len(rounds), bootstrap.demonstrated
    )
    task(start_from)(paths.MODELS / rounds[round].after, paths.start(round))


if __name__ == "__main__":
    main(start, "rounds", "harvest", "bootstrap", items=["round"])
