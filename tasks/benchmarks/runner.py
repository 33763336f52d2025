"""Have a policy try the items of a benchmark, a number of them at once, and keep every answer.

Seeds belong to what they are for (run, benchmark, item), so an item comes out the same alone, among
others and after a restart, as far as the engine allows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from dialogue.play import play_all
from dialogue.progress import Progress
from dialogue.protocols import Policy
from dialogue.seeds import stable_seed
from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.scores.scored_file import Recorder, continue_run
from tasks.benchmarks.shape import Benchmark, Item, UnscoredError

log = logging.getLogger(__name__)


def choose(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """A random sample of so many items, in order; all of them without a limit.

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
        benchmark: Whose items they are.
        items: What is asked, as :func:`choose` picked it.
        policy: What is asked.
        concurrency: Items in progress at any time; in effect, the engine's batch.
        seed: Of the run.
        out: Folder of ``scored.jsonl`` and ``run.json``. A run that stopped continues there: what
            has a score is never asked again, what an engine's failure spoiled is.
        configuration: What the scores depend on and this function cannot see: model, sampling.

    Raises:
        dialogue.records.RecordError: ``out`` holds another run, or a damaged one.
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
    """One item, scored; whatever kept it from being judged becomes its ``error``."""
    asked = partial(Scored, item.id, item.group, item.messages, item.tools)
    try:
        made = await benchmark.play(item, policy, stable_seed(seed, benchmark.name, item.id))
    except Exception as failure:
        # Whatever an engine or a judge may raise: this item is lost, the others and the run not.
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
