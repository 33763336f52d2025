"""Harvest trees with JOSH, and plain rollouts beside them, from one engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from httpx import TransportError

from josh.config import JoshConfig
from josh.faults import Retry
from josh.journal import Journal, journal_key
from josh.pool import Limits
from josh.protocols import Message
from josh.scheduler import Start, harvest_all
from josh.store import read_trees, tree_writer
from josh.tree import Tree
from tasks.dialogues import DialogueConfig, Users, take
from tasks.engines import EngineSettings, open_engine
from tasks.engines.metered import Metered
from tasks.fingerprint import fingerprint
from tasks.standing import Show, Standing, to_nobody
from tasks.users import open_users
from toolwoz.chat import EngineError as EndpointError
from toolwoz.episode import Episode
from toolwoz.scenario import Scenario, Split
from toolwoz.seeds import stable_seed
from toolwoz.world import World

RETRY = Retry(transient=(ConnectionError, TimeoutError, EndpointError, TransportError))
"""An endpoint that dies may come back: it costs time, not data. An engine in this process won't."""

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
        searches: Name -> how dialogues are explored. Each gives its own file of trees. Each round
            has seeds of its own, made of those given and of its name.
        traces: Golden paths of each search that MLflow keeps as traces; the files have all.
    """

    split: Split
    scenarios: int
    temperature: float
    dialogues: int
    calls: int
    max_faults: float
    searches: Mapping[str, JoshConfig]
    traces: int = 5


@dataclass(frozen=True, slots=True)
class Yield:
    """What one search brought in.

    Attributes:
        trees: Dialogues explored.
        faults: Of these, those an engine's failure cut short.
        golden: Those with at least one reward; ``complete``: those with all.
        reward: Mean share of goals on the golden path, or on the best rollout.
        nodes, calls: Agent turns and model calls.
        prompt_tokens, completion_tokens: Sums over all calls.
        cached: Share of the prompt tokens that the engine had computed before, in the calls of
            this process; it depends on what ran at once. None if it asked nothing.
    """

    trees: int
    faults: int
    golden: int
    complete: int
    reward: float
    nodes: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached: float | None = None


def of_round(config: HarvestConfig, round: str) -> HarvestConfig:
    """The section with seeds that are this round's own."""
    searches = {
        name: replace(search, seed=stable_seed(search.seed, round))
        for name, search in config.searches.items()
    }
    return replace(config, searches=searches)


def harvest(
    config: HarvestConfig,
    dialogue: DialogueConfig,
    engine: EngineSettings,
    model: Path,
    corpus: Path,
    out: Path,
    *,
    work: Path,
    logs: Path,
    skip: int = 0,
    show: Show = to_nobody,
) -> dict[str, Yield]:
    """Explore the scenarios with every search; trees in ``out/NAME.parquet`` and ``.jsonl``.

    Every answer is journaled in ``work`` until the trees of all searches are written, as DVC
    empties ``out`` before it runs a stage again: a harvest that was killed continues where it
    stopped. `show` is told how far it is, as the MLflow run is.

    Args:
        skip: Scenarios of the split that the rounds before have had.

    Raises:
        OSError: the engine failed in too many dialogues; what was found is kept in ``work``.
    """
    world = dialogue.world(corpus)
    scenarios = {one.id: one for one in take(corpus, config.split, config.scenarios, skip)}
    settings = engine.of(model, config.temperature)
    out.mkdir(parents=True, exist_ok=True)
    yields: dict[str, Yield] = {}
    journals: list[Path] = []
    with (
        open_users(dialogue.user, dialogue.user_model, scenarios.values()) as users,
        open_engine(settings, log=logs / f"harvest-{out.name}-engine.log") as policy,
    ):
        for name, search in config.searches.items():
            key = journal_key(
                search,
                list(scenarios),
                dialogue=asdict(dialogue),
                engine=asdict(settings),
                files=[fingerprint(model), fingerprint(corpus)],
            )
            with Journal(work, key) as journal:
                if journal.earlier:
                    log.info("%s: continuing, %d answers are journaled", name, journal.earlier)
                start = starter(scenarios, dialogue, world, users, search.seed)
                metered = Metered(policy)
                trees = harvest_all(
                    list(scenarios),
                    start,
                    [metered],
                    search,
                    limits=Limits(config.dialogues, config.calls),
                    retry=RETRY,
                    journal=journal,
                    watch=Standing(name, len(scenarios), show).count,
                )
                asyncio.run(_write(trees, [out / f"{name}.parquet", out / f"{name}.jsonl"]))
            found = summarise(read_trees(out / f"{name}.parquet"))
            yields[name] = replace(found, cached=metered.cached)
            log.info("%s: %s", name, yields[name])
            _check_faults(name, yields[name], config.max_faults)
            journals.append(journal.path)
    for path in journals:
        path.unlink()
    return yields


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


def _check_faults(name: str, found: Yield, most: float) -> None:
    if found.faults > most * found.trees:
        raise OSError(
            f"{name}: the engine failed in {found.faults} of {found.trees} dialogues; see its log, "
            "then run the same command again: finished work is kept"
        )


def summarise(trees: Iterable[Tree]) -> Yield:
    """Count what a search brought in."""
    counts: dict[str, Any] = dict.fromkeys(Yield.__dataclass_fields__, 0) | {"cached": None}
    for tree in trees:
        reward = tree.reward if tree.golden_leaf is not None else _best(tree)
        calls = [call for node in tree.nodes for call in node.calls]
        counts["trees"] += 1
        counts["faults"] += tree.error is not None
        counts["golden"] += reward > 0
        counts["complete"] += reward == 1
        counts["reward"] += reward
        counts["nodes"] += len(tree.nodes)
        counts["calls"] += len(calls)
        for field in ("prompt_tokens", "completion_tokens"):
            counts[field] += sum(getattr(call, field) for call in calls)
    counts["reward"] /= max(1, counts["trees"])
    return Yield(**counts)


def _best(tree: Tree) -> float:
    """The reward of the best leaf: what a set of rollouts found."""
    found = max((len(tree.earned(leaf) & tree.goals) for leaf in tree.leaves), default=0)
    return found / max(1, len(tree.goals))
