"""A part of the scenarios explored with JOSH, and with plain rollouts, from one engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

from httpx import TransportError

from dialogue.chat import EngineError as EndpointError
from dialogue.faults import Retry
from dialogue.pool import Limits
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
from tasks.harvest.progress import Show, Standing
from toolwoz.users.choice import Users
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.episode import Episode
from toolwoz.world.scenario import Scenario
from toolwoz.world.world import World

RETRY = Retry(transient=(ConnectionError, TimeoutError, EndpointError, TransportError))
"""An endpoint that dies may come back: it costs time, not data. An engine in this process won't."""

log = logging.getLogger(__name__)


def explore(
    job: Job, shard: Shard, attempt: int, paths: Mapping[str, Path], show: Show
) -> Iterator[tuple[str, int]]:
    """Explore a part of the scenarios with the searches of `paths`, one after the other.

    Args:
        job: The harvest.
        shard: The part of the scenarios.
        attempt: How often this was tried before.
        paths: Search -> where its trees are written.
        show: Told how far it is, as the MLflow run is, where there is one.

    Yields:
        The search that is done, and in how many dialogues the engine failed.
    """
    scenarios = job.scenarios()
    part = {name: scenarios[name] for name in shard.of(list(scenarios))}
    world = job.dialogue.world(job.corpus)
    engine = shard.endpoints(job.engine, attempt).of(job.model, job.config.temperature)
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
                    [metered],
                    search,
                    limits=Limits(job.config.dialogues, job.config.calls),
                    retry=RETRY,
                    journal=journal,
                    watch=Standing(name, len(part), metered, show).count,
                )
                faults = asyncio.run(_write(trees, path))
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


async def _write(trees: AsyncIterator[Tree], path: Path) -> int:
    """Write the trees; returns how many have a fault."""
    faults = 0
    with tree_writer(path) as write:
        async for tree in trees:
            write(tree)
            faults += tree.error is not None
    return faults
