"""Stage start: a round begins with the policy that the one before it left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows import paths
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from tasks.rounds import start as policies
from tasks.rounds.sequence import Round


@task()
def require_scenarios(rounds: Mapping[str, Round], harvest: Any, bootstrap: Any) -> None:
    """All rounds need scenarios that neither a round nor a demonstration before them had."""
    policies.require_scenarios(
        paths.CORPUS, harvest.split, harvest.scenarios, len(rounds), bootstrap.demonstrated
    )


@task()
def begin(rounds: Mapping[str, Round], round: str) -> None:
    """Put the policy where the round's arms find it."""
    policies.start(paths.MODELS / rounds[round].after, paths.start(round))


@flow
def start(rounds: Mapping[str, Round], harvest: Any, bootstrap: Any, round: str) -> None:
    if is_passed(paths.MODELS / rounds[round].after, paths.start(round)):
        return
    require_scenarios(rounds, harvest, bootstrap)
    begin(rounds, round)


if __name__ == "__main__":
    main(start, "rounds", "harvest", "bootstrap", items=["round"])
