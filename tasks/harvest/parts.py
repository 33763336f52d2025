"""Parts of a harvest: each is explored on its own, and together they are the harvest.

All processes see the same folders. A part has its journal in ``work`` and, once it is explored, its
trees, as DVC empties a stage's outs before it runs it again: a killed harvest continues from them,
also in another number of parts.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from dialogue.progress import Listener
from josh.harvesting.parts import regroup
from josh.tree.store import read_trees, tree_writer
from josh.tree.tree import Tree
from services.shards import Shard, SpoiledError, shards
from tasks.harvest.explore import explore
from tasks.harvest.job import Job
from tasks.harvest.summary import SearchSummary, summarise_search


def prepare(job: Job, count: int) -> None:
    """Give each part the journaled answers for its scenarios, whichever part journaled them."""
    scenarios = job.scenarios()
    parts = {name: one.name for one in shards(count) for name in one.of(list(scenarios))}
    for search in job.config.searches:
        regroup(job.work, job.key(search, scenarios), parts)


def harvest_part(job: Job, shard: Shard, *, listeners: Sequence[Listener] = ()) -> None:
    """Explore the missing scenarios of one part with every search and one engine.

    Args:
        job: The harvest.
        shard: The part.
        listeners: Called with the progress of each search.

    Raises:
        SpoiledError: the engine failed in some of its dialogues.
    """
    paths = {name: _trees(folder, shard) for name, folder in _folders(job).items()}
    missing = {name: path for name, path in paths.items() if not _is_done(path)}
    if not missing:
        return
    spoiled = []
    for name, faults in explore(job, shard, missing, listeners):
        if faults:
            spoiled.append(name)
        if faults > job.config.max_faults * job.config.scenarios:
            break  # too many for the whole harvest: it fails in any case
    if spoiled:
        raise SpoiledError(
            f"shard {shard}: the engine failed in dialogues of {', '.join(spoiled)}; "
            "what it answered is kept"
        )


def gather(job: Job, count: int, out: Path) -> dict[str, SearchSummary]:
    """Put the parts together: the trees in ``out/NAME.parquet`` and ``.jsonl``.

    Raises:
        OSError: a part is missing, or the engine failed in too many dialogues; what was found is
            kept in ``work``.
    """
    summaries = {}
    for name, folder in _folders(job).items():
        parts = [_trees(folder, shard) for shard in shards(count)]
        if missing := [path for path in parts if not path.is_file()]:
            raise OSError(
                f"{name}: {len(missing)} of {count} shards have no trees ({missing[0].stem}, ...); "
                "run the same command again: finished work is kept"
            )
        trees = chain.from_iterable(map(read_trees, parts))
        kept = _written(trees, out / f"{name}.parquet", out / f"{name}.jsonl")
        summaries[name] = summarise_search(name, kept, job.config.max_faults)
    _clear(job)
    return summaries


def _written(trees: Iterable[Tree], *paths: Path) -> Iterator[Tree]:
    """Write the trees to all the files, which appear after the last tree, and yield them."""
    with ExitStack() as stack:
        writers = [stack.enter_context(tree_writer(path)) for path in paths]
        for tree in trees:
            for write in writers:
                write(tree)
            yield tree


def _folders(job: Job) -> dict[str, Path]:
    """Folder of the parts' trees, by search."""
    scenarios = job.scenarios()
    return {name: job.work / job.key(name, scenarios) for name in job.config.searches}


def _trees(folder: Path, shard: Shard) -> Path:
    return folder / f"{shard.name or 'whole'}.jsonl"


def _is_done(path: Path) -> bool:
    return path.is_file() and not any(tree.error for tree in read_trees(path))


def _clear(job: Job) -> None:
    for folder in _folders(job).values():
        for path in job.work.glob(f"{folder.name}*.jsonl"):
            path.unlink()
        shutil.rmtree(folder)
