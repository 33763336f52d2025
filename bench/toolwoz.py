"""Speed of ToolWOZ, as JSON: calls, forks, conversion, memory, compared with the published code.

    python bench/toolwoz.py data/raw    # any corpus folder; without one, a synthetic corpus

Speeds are per CPU second of one core, best of three, so that a busy machine does not show. A call
is measured from the JSON text a model wrote to the answer and its score: arguments parsed and
validated, the database searched, the goal judged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

if not __package__:  # run by its path, this folder goes first, where this file hides the package
    sys.path[0] = str(Path(__file__).parents[1])

from dialogue.protocols import Message
from toolwoz.conversion.conversion import Conversion, convert
from toolwoz.conversion.proof import prove
from toolwoz.corpus.multiwoz import Corpus, read_corpus
from toolwoz.corpus.sources import SyntheticConfig, fetch
from toolwoz.world.database import Database
from toolwoz.world.domains import ENTITY_KEY
from toolwoz.world.episode import Episode
from toolwoz.world.rules import earned
from toolwoz.world.scenario import Mode, Scenario
from toolwoz.world.world import World

# The release of arXiv 2409.04617, measured on two cores.
PUBLISHED_CALLS_PER_SECOND = 173
PUBLISHED_CONVERSION_MS_PER_DIALOGUE = 2.9
FORKS = 200_000
MODES: tuple[Mode, ...] = ("parity", "v2")


class TextCall(NamedTuple):
    """A goal call as a model would write it."""

    scenario: Scenario
    tool: str
    arguments: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path, nargs="?", help="folder that fetch made")
    folder = parser.parse_args().corpus
    if folder is not None:
        print(json.dumps(measure(folder), indent=2))
        return
    with TemporaryDirectory() as made:
        size = SyntheticConfig(train=8_000, val=1_000, test=1_000)
        print(json.dumps(measure(fetch("synthetic", Path(made), synthetic=size)), indent=2))


def measure(folder: Path) -> dict[str, Any]:
    started = time.process_time()
    corpus = read_corpus(folder)
    reading = time.process_time() - started
    conversions = {mode: convert(corpus, mode) for mode in MODES}
    v2 = conversions["v2"]
    return {
        "machine": f"{platform.machine()}, Python {platform.python_version()}, one core",
        "corpus": corpus.name,
        "dialogues": len(corpus.dialogues),
        "reading_seconds": round(reading, 2),
        "conversion": {mode: _conversion(corpus, mode) for mode in conversions},
        "tool_calls_per_second": {
            "published": PUBLISHED_CALLS_PER_SECOND,
            **{mode: _tool_calls(conversion) for mode, conversion in conversions.items()},
        },
        "episode_steps_per_second": asyncio.run(_steps(v2)),
        "forks_per_second": asyncio.run(_forks(v2)),
        "oracle_reward": {mode: _oracle(c) for mode, c in conversions.items()},
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _conversion(corpus: Corpus, mode: Mode) -> dict[str, float]:
    seconds = _best(lambda: convert(corpus, mode))
    return {
        "seconds": round(seconds, 2),
        "ms_per_dialogue": round(1000 * seconds / len(corpus.dialogues), 3),
        "published_ms_per_dialogue": PUBLISHED_CONVERSION_MS_PER_DIALOGUE,
    }


def _tool_calls(conversion: Conversion) -> dict[str, int]:
    """Every goal call of the corpus, to a world that remembers more or less of them."""
    world, calls = conversion.world, _goal_calls(conversion)
    texts = list({(call.tool, call.arguments): call for call in calls}.values())
    # Another text of the same values, each time: only single values are remembered.
    unseen = [[c._replace(arguments=c.arguments + " " * i) for c in calls] for i in (1, 2, 3)]
    fresh = [World.build(Database.from_rows(world.database.rows), world.mode) for _ in range(3)]
    _play(world, calls)
    return {
        "texts_seen_before": _rate(len(calls), _best(lambda: _play(world, calls))),
        "new_texts_of_known_values": _rate(
            len(calls), min(_seconds(partial(_play, world, again)) for again in unseen)
        ),
        "new_texts_in_a_new_world": _rate(
            len(texts), min(_seconds(partial(_play, new, texts)) for new in fresh)
        ),
    }


def _play(world: World, calls: Sequence[TextCall]) -> None:
    for scenario, tool, arguments in calls:
        earned(world.database, scenario, world.answer(scenario, tool, arguments, seed=0))


def _goal_calls(conversion: Conversion) -> list[TextCall]:
    calls = []
    database = conversion.world.database
    for scenario in conversion.scenarios:
        for goal in scenario.goals:
            entity = dict(goal.entity)
            search = scenario.goal(f"search_{goal.domain}")
            if goal.is_booking and not entity and search is not None:
                key = ENTITY_KEY[goal.domain]
                rows = database.search(goal.domain, search.arguments)
                entity = {key: rows[0][key]} if rows else {}
            arguments = json.dumps({**goal.arguments, **entity})
            calls.append(TextCall(scenario, goal.tool, arguments))
    return calls


async def _steps(conversion: Conversion) -> int:
    """Steps of whole episodes, each a search and a word to a user who answers at once."""
    scenarios = conversion.scenarios[:2_000]
    call: Message = {
        "id": "call_0",
        "type": "function",
        "function": {"name": "search_hotel", "arguments": '{"area": "north"}'},
    }
    started = time.process_time()
    for scenario in scenarios:
        episode = await Episode.start(scenario, conversion.world, _user)
        await episode.step({"role": "assistant", "content": None, "tool_calls": [call]})
        await episode.step({"role": "assistant", "content": "How about this one?"})
    return _rate(2 * len(scenarios), time.process_time() - started)


async def _forks(conversion: Conversion) -> int:
    episode = await Episode.start(conversion.scenarios[0], conversion.world, _user)
    for _ in range(10):
        await episode.step({"role": "assistant", "content": "Go on."})

    def fork() -> None:
        for _ in range(FORKS):
            episode.fork()

    return _rate(FORKS, _best(fork))


async def _user(scenario: Scenario, messages: Sequence[Message]) -> str | None:
    del scenario, messages  # whatever the agent says
    return "Yes, please."


def _oracle(conversion: Conversion) -> float:
    rewards = [
        len(prove(conversion.world, scenario).earned) / len(scenario.goals)
        for scenario in conversion.scenarios
        if scenario.split == "test"
    ]
    return round(sum(rewards) / len(rewards), 4)


def _best(work: Callable[[], object]) -> float:
    return min(_seconds(work) for _ in range(3))


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _rate(count: int, seconds: float) -> int:
    return round(count / seconds)


if __name__ == "__main__":
    main()
