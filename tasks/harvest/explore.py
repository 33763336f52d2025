"""A part of the scenarios explored with JOSH, and with plain rollouts, from one engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

from dialogue.progress import Listener
from dialogue.protocols import Message
from dialogue.seeds import stable_seed
from josh.harvesting.journal import Journal
from josh.harvesting.scheduler import Start, harvest_all
from josh.tree.store import tree_writer
from josh.tree.tree import Tree
from services.engines import open_engine
from services.engines.endpoint import open_model
from services.engines.metered import Metered
from services.shards import Shard
from tasks.harvest.job import Job
from tasks.harvest.probe import Probe
from toolwoz.users.choice import Users
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.episode import Episode
from toolwoz.world.scenario import Scenario
from toolwoz.world.world import World

log = logging.getLogger(__name__)


def explore(
    job: Job, shard: Shard, paths: Mapping[str, Path], listeners: Sequence[Listener]
) -> Iterator[tuple[str, int]]:
    """Explore a part of the scenarios with the searches of `paths`, one after the other.

    Args:
        job: The harvest.
        shard: The part of the scenarios.
        paths: Search -> where its trees are written.
        listeners: Told how far each search is.

    Yields:
        The search that is done, and in how many dialogues the engine failed.

    Raises:
        tasks.harvest.probe.HopelessError: the first dialogues of a search hold no readable call;
            what the model answered is kept.
    """
    scenarios = job.scenarios()
    part = {name: scenarios[name] for name in shard.of(list(scenarios))}
    world = job.dialogue.world(job.corpus)
    engine = job.engine.of(job.model, job.config.temperature)
    log_file = job.logs / f"harvest-{job.name}-engine{shard.name and '-'}{shard.name}.log"
    with (
        job.dialogue.open_users(list(part.values()), open_model) as users,
        open_engine(engine, log=log_file) as policy,
    ):
        for name, path in paths.items():
            search = job.config.searches[name]
            metered = Metered(policy)
            with Journal(job.work, job.key(name, scenarios), shard.name) as journal:
                if journal.earlier:
                    log.info("%s: continuing, %d answers are journaled", name, journal.earlier)
                trees = harvest_all(
                    list(part),
                    starter(part, job.dialogue, world, users, search.seed),
                    metered,
                    search,
                    limits=job.config.limits(search),
                    journal=journal,
                    name=name,
                    listeners=listeners,
                )
                faults = asyncio.run(_write(trees, path, Probe(name, job.config.probe)))
            known = metered.cached
            share = "an unknown share" if known is None else f"{known:.0%}"
            log.info("%s: %s of the prompt tokens was cached", name, share)
            yield name, faults


def starter(
    scenarios: Mapping[str, Scenario],
    dialogue: DialogueConfig,
    world: World,
    users: Users,
    seed: int,
) -> Start:
    """What begins, or continues, the dialogue of a scenario id."""

    async def start(scenario: str, opening: Sequence[Message] | None) -> Episode:
        its_seed = stable_seed(seed, scenario)
        return await dialogue.start(scenarios[scenario], world, users, its_seed, opening)

    return start


async def _write(trees: AsyncIterator[Tree], path: Path, probe: Probe) -> int:
    """Write the trees; returns how many have a fault."""
    faults = 0
    with tree_writer(path) as write:
        async for tree in trees:
            probe.see(tree)
            write(tree)
            faults += tree.error is not None
    return faults
