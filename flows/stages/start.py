"""Stage start: a round begins with the policy that the one before it left."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flows import paths
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from tasks.rounds import start as policies
from tasks.rounds.sequence import Round


@task()
def require_scenarios(split: str, each: int, rounds: int, demonstrated: int) -> None:
    """All rounds need scenarios that neither a round nor a demonstration before them had."""
    report = json.loads((paths.REPORTS / "conversion.json").read_text(encoding="utf-8"))
    found = report["scenarios"].get(split, 0)
    policies.require_scenarios(found, split, each, rounds, demonstrated)


@task()
def begin(rounds: Mapping[str, Round], round: str) -> None:
    """Put the policy where the round's arms find it."""
    policies.start(paths.MODELS / rounds[round].after, paths.start(round))


@flow
def start(
    rounds: Mapping[str, Round], split: str, each: int, demonstrated: int, round: str
) -> None:
    if is_passed(paths.MODELS / rounds[round].after, paths.start(round)):
        return
    require_scenarios(split, each, len(rounds), demonstrated)
    begin(rounds, round)


if __name__ == "__main__":
    main(
        start,
        "rounds",
        "harvest.split",
        "harvest.scenarios",
        "bootstrap.demonstrated",
        items=["round"],
    )
