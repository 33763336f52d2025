"""Runner of a benchmark: a policy tries many items at once, and every answer is kept.

A seed depends on run, benchmark and item only, so that an item has the same result alone, among
others and after a restart, as far as the engine allows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from dialogue.progress import Progress, play_all
from dialogue.protocols import Policy
from dialogue.seeds import stable_seed
from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.scores.scored_file import Recorder, continue_run
from tasks.benchmarks.shape import Benchmark, Item, UnscoredError

log = logging.getLogger(__name__)


def choose(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """A random sample of `limit` items, in order; all items if None.

    The samples of a seed are nested: raising the limit adds items and drops none.
    """
    ranked = sorted(items, key=lambda item: stable_seed(seed, "choose", item.id))
    taken = {item.id for item in ranked[:limit]}
    return [item for item in items if item.id in taken]


async def run(
    benchmark: Benchmark,
    items: Sequence[Item],
    policy: Policy,
    *,
    concurrency: int,
    seed: int = 0,
    out: Path | None = None,
    configuration: Mapping[str, Any] | None = None,
) -> list[Scored]:
    """Score the policy on the items.

    Args:
        benchmark: The benchmark.
        items: Items to ask, as chosen by :func:`choose`.
        policy: Policy under test.
        concurrency: Number of items in progress at once; in effect, the engine's batch.
        seed: Seed of the run.
        out: Folder of ``scored.jsonl`` and ``run.json``. A stopped run continues there: an item
            with a score is not asked again, an unscored item is.
        configuration: Further settings that the scores depend on: model, sampling.

    Raises:
        dialogue.records.RecordError: ``out`` has another or a damaged run.
    """
    seen = {"benchmark": benchmark.name, **benchmark.depends_on, "seed": seed}
    with _recorder(out, {**(configuration or {}), **seen}) as recorder:
        todo = [item for item in items if not recorder.has_score(item.id)]
        with Progress(benchmark.name, len(items), len(items) - len(todo)) as progress:

            def finished(scored: Scored) -> None:
                recorder.append(scored)
                means = {} if scored.score is None else {"score": scored.score}
                progress.advance(means, {"unscored": scored.score is None})

            work = partial(attempt, benchmark, policy=policy, seed=seed)
            await play_all(todo, work, finished, concurrency)
        return [recorder.scored[item.id] for item in items]


async def attempt(benchmark: Benchmark, item: Item, policy: Policy, seed: int = 0) -> Scored:
    """Score one item; an exception becomes its ``error``."""
    asked = partial(Scored, item.id, item.group, item.messages, item.tools)
    try:
        made = await benchmark.play(item, policy, stable_seed(seed, benchmark.name, item.id))
    except Exception as failure:
        # Whatever an engine or a judge raises costs this item only, not the run.
        error = f"{type(failure).__name__}: {failure}"
        log.warning("%s, %s, is unscored: %s", benchmark.name, item.id, error)
        if isinstance(failure, UnscoredError):
            return asked(answer=failure.answer, parts=failure.parts, error=error)
        return asked(error=error)
    return asked(
        answer=made.answer,
        score=made.score.value,
        reason=made.score.reason,
        parts=made.score.parts,
        prompt_tokens=made.prompt_tokens,
        completion_tokens=made.completion_tokens,
    )


def _recorder(
    out: Path | None, configuration: Mapping[str, Any]
) -> AbstractContextManager[Recorder]:
    return continue_run(out, configuration) if out else nullcontext(Recorder())
