"""Stage start: a round begins with the policy that the round before it left."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flows import paths
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import skip_if_stopped
from tasks.rounds.sequence import Round
from tasks.rounds.start import require_scenarios, start_from


@flow
def start(
    rounds: Mapping[str, Round], split: str, each: int, demonstrated: int, round: str
) -> None:
    if skip_if_stopped(paths.MODELS / rounds[round].after, paths.start(round)):
        return
    report = json.loads((paths.REPORTS / "conversion.json").read_text(encoding="utf-8"))
    found = report["scenarios"].get(split, 0)
    task(require_scenarios)(found, split, each, len(rounds), demonstrated)
    task(start_from)(paths.MODELS / rounds[round].after, paths.start(round))


if __name__ == "__main__":
    main(
        start,
        "rounds",
        "harvest.split",
        "harvest.scenarios",
        "bootstrap.demonstrated",
        items=["round"],
    )
