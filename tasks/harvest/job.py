"""Harvest trees with JOSH, and plain rollouts beside them, from one engine."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Discriminator

from dialogue.progress import Listener
from dialogue.protocols import Message
from dialogue.seeds import stable_seed
from josh.harvesting.journal import Journal, journal_key
from josh.harvesting.parts import regroup
from josh.harvesting.scheduler import Limits, Start, harvest_all
from josh.search.config import SearchConfig
from josh.tree.store import tree_writer
from josh.tree.tree import Tree
from services.engines import EngineSettings, open_engine
from services.engines.endpoint import open_model
from services.engines.metered import Metered
from services.fingerprint import fingerprint
from services.shards import WHOLE, Shard
from tasks.harvest.summary import Yield, take_stock
from toolwoz.users.choice import Users
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.domains import Split
from toolwoz.world.episode import Episode
from toolwoz.world.scenario import Scenario, take
from toolwoz.world.world import World

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HarvestConfig:
    """The section ``harvest``.

    Attributes:
        split: Of the scenarios it explores; never the one that is reported.
        scenarios: How many a round; each round has those after the ones of the round before.
        temperature: Of sampling; siblings differ by it alone.
        dialogues: Dialogues in flight.
        calls: Model calls in flight.
        max_faults: Share of dialogues that an engine's failure may cut short; they give no labels.
            With more, the stage fails, and goes on from its journal when it is run again.
        searches: Name -> how dialogues are explored: the keys of ``JoshConfig`` or
            ``RolloutsConfig``, as its ``strategy`` says. Each gives its own file of trees. Each
            round has seeds of its own, made of those given and of its name.
        traces: Golden paths of each search that MLflow keeps as traces; the files have all.
    """

    split: Split
    scenarios: int
    temperature: float
    dialogues: int
    calls: int
    max_faults: float
    searches: Mapping[str, Annotated[SearchConfig, Discriminator("strategy")]]
    traces: int = 5


def of_round(config: HarvestConfig, round: str) -> HarvestConfig:
    """The section with seeds that are this round's own."""
    searches = {
        name: replace(search, seed=stable_seed(search.seed, round))
        for name, search in config.searches.items()
    }
    return replace(config, searches=searches)


@dataclass(frozen=True, slots=True)
class Job:
    """A harvest, whoever does it.

    Attributes:
        config, dialogue, engine: Sections of params.yaml.
        model: Folder of the policy.
        corpus: Folder of the converted corpus.
        work: Folder of the journals.
        logs: Folder of the engine's log.
        name: Of the round, for the log.
        skip: Scenarios of the split that the rounds before have had.
    """

    config: HarvestConfig
    dialogue: DialogueConfig
    engine: EngineSettings
    model: Path
    corpus: Path
    work: Path
    logs: Path
    name: str
    skip: int = 0

    def scenarios(self) -> dict[str, Scenario]:
        """What is explored, by id, in order."""
        found = take(self.corpus, self.config.split, self.config.scenarios, self.skip)
        return {scenario.id: scenario for scenario in found}

    def key(self, name: str, scenarios: Iterable[str]) -> str:
        """The name of the journal of one search."""
        return journal_key(
            self.config.searches[name],
            list(scenarios),
            dialogue=asdict(self.dialogue),
            engine=asdict(self.engine.of(self.model, self.config.temperature)),
            files=[fingerprint(self.model), fingerprint(self.corpus)],
        )


def harvest(job: Job, out: Path, listeners: Sequence[Listener] = ()) -> dict[str, Yield]:
    """Explore the scenarios with every search; trees in ``out/NAME.parquet`` and ``.jsonl``.

    Every answer is journaled in ``work`` until the trees of all searches are written, as DVC
    empties `out` before it runs a stage again: a harvest that was killed continues where it
    stopped, also one that several processes shared. `listeners` are told how far each search is.

    Raises:
        OSError: the engine failed in too many dialogues; what was found is kept in ``work``.
    """
    scenarios = job.scenarios()
    searches = job.config.searches
    for name in searches:
        regroup(job.work, job.key(name, scenarios), dict.fromkeys(scenarios, ""))
    paths = {name: [out / f"{name}.parquet", out / f"{name}.jsonl"] for name in searches}
    yields: dict[str, Yield] = {}
    journals: list[Path] = []
    for name, journal, cached in explore(job, paths, listeners):
        yields[name] = take_stock(name, paths[name][0], job.config.max_faults, cached)
        journals.append(journal)
    for path in journals:
        path.unlink()
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)  # of parts, where there were any
    return yields


def explore(
    job: Job,
    paths: Mapping[str, Sequence[Path]],
    listeners: Sequence[Listener] = (),
    shard: Shard = WHOLE,
) -> Iterator[tuple[str, Path, float | None]]:
    """Explore a part of the scenarios with the searches of `paths`, one after the other.

    Args:
        job: The harvest.
        paths: Search -> where its trees are written.
        listeners: Told how far each search is.
        shard: The part of the scenarios.

    Yields:
        The search that is done, its journal, and the share of its prompts that was cached.
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
        for name in paths:
            search = job.config.searches[name]
            with Journal(job.work, job.key(name, scenarios), shard.name) as journal:
                if journal.earlier:
                    log.info("%s: continuing, %d answers are journaled", name, journal.earlier)
                metered = Metered(policy)
                trees = harvest_all(
                    list(part),
                    starter(part, job.dialogue, world, users, search.seed),
                    metered,
                    search,
                    limits=Limits(job.config.dialogues, job.config.calls),
                    journal=journal,
                    name=name,
                    listeners=listeners,
                )
                asyncio.run(_write(trees, paths[name]))
            yield name, journal.path, metered.cached


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


async def _write(trees: AsyncIterator[Tree], paths: Sequence[Path]) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(tree_writer(path)) for path in paths]
        async for tree in trees:
            for write in writers:
                write(tree)
