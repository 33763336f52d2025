"""An evaluation in parts: each is played by whoever takes it, and its results go into the whole's.

All who take part see the same folders. What a part has played stands in ``work``; an evaluation
that was killed goes on from there, in as many parts as before or in another number.
"""

from __future__ import annotations

import shutil

from services.shards import Shard
from tasks.evaluate.job import PARTS, Arms, Job, collect, play, regroup
from toolwoz.evaluation.arm import Arm
from toolwoz.evaluation.result import Key
from toolwoz.evaluation.results_file import NAME as RESULTS
from toolwoz.evaluation.results_file import read_run
from toolwoz.world.domains import Split
from toolwoz.world.scenario import Scenario


def prepare(job: Job) -> None:
    """Take in what other parts have played: it is not played again."""
    for name in job.models:
        regroup(job, name)


def gather(job: Job) -> Arms:
    """Put the parts together, as of one evaluation.

    Raises:
        OSError: dialogues are missing; what was played is kept in ``work``.
    """
    prepare(job)
    arms: dict[Split, dict[str, Arm]] = {split: {} for split in job.config.scenarios}
    for name in job.models:
        for split, arm in collect(job, name).items():
            arms[split][name] = arm
    shutil.rmtree(job.work, ignore_errors=True)
    return arms


def evaluate_shard(job: Job, shard: Shard) -> None:
    """Play one part with every model, or what is still missing of it.

    Args:
        job: The evaluation.
        shard: The part.

    Raises:
        OSError: the engine failed in some dialogues; tried again, those alone are played.
    """
    for name in job.models:
        if job.is_played(name):
            continue
        scenarios = _missing(job, name, shard)
        if not any(scenarios.values()):
            continue
        folder = job.folder(name) / PARTS / (shard.name or "whole")
        results = play(job, name, scenarios, folder, shard)
        if unscored := sum(not result.scored for result in results):
            raise OSError(
                f"{name}, shard {shard}: the engine failed in {unscored} of {len(results)} "
                "dialogues; the others are kept"
            )


def _missing(job: Job, name: str, shard: Shard) -> dict[Split, list[Scenario]]:
    """What no part has played yet: all of the shard, except what is in the whole's results."""
    found: dict[Split, list[Scenario]] = {}
    for split, chosen in job.scenarios().items():
        path = job.folder(name) / split / RESULTS
        run = read_run(path) if path.is_file() else None
        scored = {key for key, result in run.results.items() if result.scored} if run else set()
        found[split] = [one for one in shard.of(chosen) if Key(one.id, 0) not in scored]
    return found
