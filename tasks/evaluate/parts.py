"""Parts of an evaluation: each is played on its own, and its results are added to the whole's.

All processes see the same folders. Results stay in ``work`` until all are there, as DVC empties a
stage's outs before it runs it again: a killed evaluation continues from them, also in another
number of parts.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping, Sequence

from dialogue.files import sync
from services.engines import open_engine
from services.engines.endpoint import open_model
from services.shards import Shard, SpoiledError
from tasks.evaluate.job import Job, PolicyRuns
from toolwoz.evaluation.policy_run import PolicyRun, read_policy_run
from toolwoz.evaluation.runs.result import Key, Result
from toolwoz.evaluation.runs.results_file import NAME as RESULTS
from toolwoz.evaluation.runs.results_file import add_results, read_run
from toolwoz.evaluation.runs.runner import run
from toolwoz.world.domains import Split
from toolwoz.world.scenario import SCENARIOS, Scenario, write_scenarios

PARTS = "parts"
"""Folder of the parts' results, next to the folders of the splits."""

log = logging.getLogger(__name__)


def prepare(job: Job) -> None:
    """Add the results of earlier parts to those of the whole: they are not played again."""
    for name in job.models:
        folder = job.folder(name)
        for split, chosen in job.scenarios().items():
            if found := sorted(folder.glob(f"{PARTS}/*/{split}/{RESULTS}")):
                configuration = {**job.configuration(name), "seed": job.config.seed}
                add_results(folder / split / RESULTS, found, configuration)
                write_scenarios(folder / split / SCENARIOS, chosen)
        shutil.rmtree(folder / PARTS, ignore_errors=True)


def play_part(job: Job, shard: Shard) -> None:
    """Play the missing dialogues of one part with every model.

    Args:
        job: The evaluation.
        shard: The part.

    Raises:
        SpoiledError: the engine failed in some of its dialogues.
    """
    spoiled = []
    for name in job.models:
        if job.is_played(name):
            log.info("%s was evaluated in the round before", name)
        elif any((scenarios := _missing(job, name, shard)).values()):
            log.info("evaluating %s", name)
            results = _play(job, name, scenarios, shard)
            if unscored := sum(not result.scored for result in results):
                spoiled.append(f"{unscored} of {len(results)} dialogues of {name}")
    if spoiled:
        raise SpoiledError(
            f"shard {shard}: the engine failed in {', '.join(spoiled)}; the others are kept"
        )


def gather(job: Job) -> PolicyRuns:
    """Put the parts together: the results in ``out/SPLIT/NAME``.

    Raises:
        OSError: dialogues are missing, or the engine failed in too many; finished ones are kept in
            ``work``.
    """
    prepare(job)
    arms: dict[Split, dict[str, PolicyRun]] = {split: {} for split in job.config.scenarios}
    for name in job.models:
        for split, arm in _collect(job, name).items():
            arms[split][name] = arm
    sync(job.out)
    shutil.rmtree(job.work, ignore_errors=True)
    return arms


def _missing(job: Job, name: str, shard: Shard) -> dict[Split, list[Scenario]]:
    """The scenarios of the shard that have no score in the whole's results."""
    found: dict[Split, list[Scenario]] = {}
    for split, chosen in job.scenarios().items():
        path = job.folder(name) / split / RESULTS
        run = read_run(path) if path.is_file() else None
        scored = {key for key, result in run.results.items() if result.scored} if run else set()
        found[split] = [one for one in shard.of(chosen) if Key(one.id, 0) not in scored]
    return found


def _play(
    job: Job,
    name: str,
    scenarios: Mapping[Split, Sequence[Scenario]],
    shard: Shard,
) -> list[Result]:
    """Play these scenarios of a part with one model, all from one engine."""
    world = job.dialogue.world(job.corpus)
    engine = job.engine.of(job.models[name], job.config.temperature)
    log_file = job.logs / f"evaluate-{job.out.name}-{name}{shard.name and '-'}{shard.name}.log"
    everything = [scenario for chosen in scenarios.values() for scenario in chosen]
    folder = job.folder(name) / PARTS / (shard.name or "whole")
    played: list[Result] = []
    with (
        job.dialogue.open_users(everything, open_model) as users,
        open_engine(engine, log=log_file) as policy,
    ):
        for split, chosen in scenarios.items():
            dialogues = run(
                policy,
                chosen,
                lambda scenario, seed: job.dialogue.start(scenario, world, users, seed),
                concurrency=job.config.concurrency,
                seed=job.config.seed,
                out=folder / split,
                configuration=job.configuration(name),
            )
            played += asyncio.run(dialogues)
    return played


def _collect(job: Job, name: str) -> dict[Split, PolicyRun]:
    """The results of a policy, by split, which go to ``out/SPLIT/NAME``."""
    source = job.played[name] if job.is_played(name) else job.folder(name)
    arms: dict[Split, PolicyRun] = {}
    for split, chosen in job.scenarios().items():
        path = source / split / RESULTS
        run = read_run(path) if path.is_file() else None
        played = {one.scenario for one in run.results} if run else set()
        if missing := [one.id for one in chosen if one.id not in played]:
            raise OSError(
                f"{path}: {len(missing)} of {len(chosen)} dialogues are missing ({missing[0]}, "
                "...); run the same command again: finished work is kept"
            )
        if run and not job.is_played(name):
            _require_scored(job, f"{name} on {split}", list(run.results.values()))
        shutil.copytree(source / split, job.out / split / name, dirs_exist_ok=True)
        arms[split] = read_policy_run(job.out / split / name)
    return arms


def _require_scored(job: Job, what: str, results: Sequence[Result]) -> None:
    """Raise an error if the engine failed in too many of these dialogues.

    Raises:
        OSError: a share above ``evaluate.max_faults`` has no score.
    """
    unscored = [one for one in results if not one.scored]
    if len(unscored) > job.config.max_faults * len(results):
        raise OSError(
            f"{what}: the engine failed in {len(unscored)} of {len(results)} dialogues "
            f"({unscored[0].scenario}: {unscored[0].error}, ...); see its log in {job.logs}, then "
            "run the same command again: finished work is kept"
        )
