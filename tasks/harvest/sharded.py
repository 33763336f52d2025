"""A harvest in parts: each is explored by whoever takes it, and put together they are the harvest.

All who take part see the same folders. A part stands in ``work``, in its journal and, once it is
explored, in its trees; a harvest that was killed goes on from these, in as many parts as before or
in another number.
"""

from __future__ import annotations

import shutil
from itertools import chain
from pathlib import Path

from josh.harvesting.parts import regroup
from josh.tree.store import read_trees, tree_writer
from services.shards import Shard, shards
from tasks.harvest.job import Job, explore
from tasks.harvest.summary import Yield, take_stock


def prepare(job: Job, count: int) -> None:
    """Give each part the answers that were journaled for its scenarios, by whoever did it then."""
    scenarios = job.scenarios()
    parts = {name: one.name for one in shards(count) for name in one.of(list(scenarios))}
    for search in job.config.searches:
        regroup(job.work, job.key(search, scenarios), parts)


def harvest_shard(job: Job, shard: Shard) -> None:
    """Explore one part, or what is still missing of it.

    Args:
        job: The harvest.
        shard: The part.

    Raises:
        OSError: the engine failed in some of its dialogues; tried again, those alone are played.
    """
    paths = {name: _trees(folder, shard) for name, folder in _folders(job).items()}
    missing = {name: [path] for name, path in paths.items() if not _is_done(path)}
    if missing:
        for _ in explore(job, missing, shard=shard):
            pass
    spoiled = [name for name, path in paths.items() if not _is_done(path)]
    if spoiled:
        raise OSError(
            f"shard {shard}: the engine failed in dialogues of {', '.join(spoiled)}; "
            "what it answered is kept"
        )


def gather(job: Job, count: int, out: Path) -> dict[str, Yield]:
    """Put the parts together: the trees in ``out/NAME.parquet`` and ``.jsonl``, as of one harvest.

    Raises:
        OSError: a part is missing, or the engine failed in too many dialogues; what was found is
            kept in ``work``.
    """
    yields = {}
    for name, folder in _folders(job).items():
        parts = [_trees(folder, shard) for shard in shards(count)]
        if missing := [path for path in parts if not path.is_file()]:
            raise OSError(
                f"{name}: {len(missing)} of {count} shards have no trees ({missing[0].stem}, ...); "
                "run the same command again: finished work is kept"
            )
        parquet, jsonl = out / f"{name}.parquet", out / f"{name}.jsonl"
        with tree_writer(parquet) as write_row, tree_writer(jsonl) as write_line:
            for tree in chain.from_iterable(map(read_trees, parts)):
                write_row(tree)
                write_line(tree)
        yields[name] = take_stock(name, parquet, job.config.max_faults)
    _clear(job)
    return yields


def _folders(job: Job) -> dict[str, Path]:
    """Where the trees of the parts are, by search."""
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
