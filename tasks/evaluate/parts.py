"""Parts of an evaluation: each is played on its own, and its results are added to the whole's.

All processes see the same folders. Results stay in ``work`` until all are there, as DVC empties a
stage's outs before it runs it again: a killed evaluation continues from them, also in another
number of parts.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dialogue.files import sync
from services.engines import open_adapters, serves_adapters
from services.engines.endpoint import open_model
from services.engines.models.adapters import Adapter, find
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
    for policies in shared(job, [name for name in job.models if not job.is_played(name)]):
        missing = {name: _missing(job, name, shard) for name in policies}
        left = {name: one for name, one in missing.items() if any(one.values())}
        for name, results in _play(job, policies, left, shard) if left else ():
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


def shared(job: Job, names: Sequence[str]) -> list[Mapping[str, Adapter | None]]:
    """Policies by the engine that plays them: name -> adapter, None for the engine's own model.

    An engine has the policies that are LoRAs of one model, and this model itself; any other policy
    has an engine for itself.

    Raises:
        ValueError: a LoRA's base has other weights than the LoRA was trained on.
    """
    engines: dict[Path, dict[str, Adapter | None]] = {}
    for name in names:
        folder = job.models[name]
        adapter = find(folder) if serves_adapters(job.engine) else None
        base = adapter.base if adapter else folder
        engines.setdefault(base.resolve(), {})[name] = adapter
    return list(engines.values())


def _play(
    job: Job,
    policies: Mapping[str, Adapter | None],
    missing: Mapping[str, Mapping[Split, Sequence[Scenario]]],
    shard: Shard,
) -> Iterator[tuple[str, list[Result]]]:
    """Play these scenarios of a part with each policy, all from one engine."""
    world = job.dialogue.world(job.corpus)
    first = next(iter(missing))
    log_file = job.logs / f"evaluate-{job.out.name}-{first}{shard.name and '-'}{shard.name}.log"
    adapters = {name: one for name in missing if (one := policies[name])}
    model = next((one.base for one in adapters.values()), job.models[first])
    engine = job.engine.of(model, job.config.temperature)
    each = [one for chosen in missing.values() for part in chosen.values() for one in part]
    with (
        job.dialogue.open_users(each, open_model) as users,
        open_adapters(engine, list(adapters.values()), log=log_file) as [base, *others],
    ):
        adapted = dict(zip(adapters, others, strict=True))
        for name, scenarios in missing.items():
            log.info("evaluating %s", name)
            folder = job.folder(name) / PARTS / (shard.name or "whole")
            played: list[Result] = []
            for split, chosen in scenarios.items():
                dialogues = run(
                    adapted.get(name, base),
                    chosen,
                    lambda scenario, seed: job.dialogue.start(scenario, world, users, seed),
                    concurrency=job.config.concurrency,
                    seed=job.config.seed,
                    out=folder / split,
                    configuration=job.configuration(name),
                )
                played += asyncio.run(dialogues)
            yield name, played


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
