"""Speed and cost of a JOSH search: ``python -m bench.harvest [--only cost]``.

Prints JSON. ``latency``: against an engine and users of 50 ms a call, beside the published loop.
``cost``: orchestration alone, against an engine that answers at once. ``scale``: memory and journal
over many dialogues.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.critical_path import limits
from bench.emulated import Engine, Episode
from bench.published import search_all
from josh.harvesting.journal import Journal, journal_key
from josh.harvesting.scheduler import harvest_all
from josh.search.config import JoshConfig
from josh.tree.store import tree_writer
from josh.tree.tree import Tree

Figures = dict[str, Any]


def latency() -> Figures:
    """Wall time of the same 20 dialogues, all at once: ours, and one branch after another.

    With luck, goals are found and the beam is often narrow; without, it is full from the third
    round on. ``limits`` says what any order of the same calls could gain.
    """
    return {"lucky": _latency(20, 0.05, luck=100), "luckless": _latency(20, 0.05, luck=0)}


def _latency(dialogues: int, seconds: float, luck: int) -> Figures:
    names = [f"s{number}" for number in range(dialogues)]
    started = time.perf_counter()
    published = search_all(names, seconds, luck)
    theirs = time.perf_counter() - started

    started = time.perf_counter()
    trees = asyncio.run(harvested(names, Engine(seconds, luck)))
    ours = time.perf_counter() - started
    if [golden_name(tree) for tree in trees] != [outcome.golden for outcome in published]:
        raise AssertionError("the two searches found different golden paths")
    turns = sum(len(tree.nodes) for tree in trees)
    if turns != sum(outcome.turns for outcome in published):
        raise AssertionError("the two searches took different numbers of turns")
    return {
        "dialogues": dialogues,
        "seconds_a_call": seconds,
        "agent_turns": turns,
        "published": {
            "seconds_a_dialogue": round(theirs / dialogues, 4),
            "agent_turns_a_second": round(turns / theirs),
        },
        "josh": {
            "seconds_a_dialogue": round(ours / dialogues, 4),
            "agent_turns_a_second": round(turns / ours),
        },
        "times_fewer": round(theirs / ours, 2),
        "limits": limits(trees),
    }


def golden_name(tree: Tree) -> str | None:
    return None if tree.golden_leaf is None else tree.name(tree.golden_leaf)


async def harvested(names: list[str], engine: Engine, **options: Any) -> list[Tree]:
    async def start(_scenario: str, _opening: object) -> Episode:
        return Episode(engine.seconds)

    return [tree async for tree in harvest_all(names, start, engine, **options)]


ALL_OPTIONS = JoshConfig(all_rewards=True, best_leaf=True, refill=True, patience=6)
KEY = journal_key(JoshConfig(), ["bench"])


def cost() -> Figures:
    """Agent turns a second of one core, by the time the processor spent on them."""
    with TemporaryDirectory() as folder, Journal(Path(folder), KEY) as journal:
        return {
            "exact": _cost(200),
            "exact_with_journal": _cost(200, journal=journal),
            "all_options": _cost(200, config=ALL_OPTIONS),
        }


def _cost(dialogues: int, **options: Any) -> Figures:
    engine, names = Engine(), [f"s{number}" for number in range(dialogues)]
    started = time.process_time()
    trees = asyncio.run(harvested(names, engine, **options))
    spent = time.process_time() - started
    turns = sum(len(tree.nodes) for tree in trees)
    return {
        "agent_turns_a_second": round(turns / spent),
        "agent_turns": turns,
        "model_calls_a_turn": round(engine.calls / turns, 2),
    }


def scale(dialogues: int = 10_000) -> Figures:
    """Memory and the journal's size after each tenth of many dialogues."""
    return asyncio.run(_scale(dialogues))


async def _scale(dialogues: int) -> Figures:
    async def start(_scenario: str, _opening: object) -> Episode:
        return Episode()

    names = [f"s{number}" for number in range(dialogues)]
    samples, turns, started = [], 0, time.perf_counter()
    config = JoshConfig(beam=4, turns=8)
    with (
        TemporaryDirectory() as name,
        Journal(Path(name), KEY) as journal,
        tree_writer(Path(name) / "trees.jsonl") as write,
    ):
        done = 0
        async for tree in harvest_all(names, start, Engine(), config, journal=journal):
            write(tree)
            done, turns = done + 1, turns + len(tree.nodes)
            if done % max(1, dialogues // 10) == 0:
                journal_mb = journal.path.stat().st_size / 1e6
                samples.append(
                    {"dialogues": done, "rss_mb": rss_mb(), "journal_mb": round(journal_mb, 1)}
                )
    growth = samples[-1]["rss_mb"] - samples[0]["rss_mb"]
    return {
        "agent_turns": turns,
        "agent_turns_a_second": round(turns / (time.perf_counter() - started)),
        "rss_growth_mb": round(growth, 1),
        "samples": samples,
    }


def rss_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


BENCHES: Mapping[str, Callable[[], Figures]] = {"latency": latency, "cost": cost, "scale": scale}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=list(BENCHES))
    chosen = parser.parse_args().only
    print(json.dumps({name: BENCHES[name]() for name in chosen}, indent=2))


if __name__ == "__main__":
    main()
