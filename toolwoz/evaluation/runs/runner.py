"""Play every scenario of any world with a policy, a number of them at once, and keep every result.

A seed belongs to what it is for (run, scenario, trial, message), so a dialogue comes out the same
alone, among others and after a restart, as far as the engines allow.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from dialogue.progress import Progress, play_all
from dialogue.protocols import Message, Policy, Tool
from dialogue.seeds import stable_seed
from toolwoz.evaluation.runs.result import Key, Result
from toolwoz.evaluation.runs.results_file import NAME, Recorder, continue_run
from toolwoz.world.scenario import SCENARIOS, Scenario, read_scenarios, write_scenarios

_log = logging.getLogger(__name__)


class Episode(Protocol):
    """What the runner needs of a dialogue being played."""

    @property
    def messages(self) -> Sequence[Message]: ...
    @property
    def tools(self) -> Sequence[Tool]: ...
    @property
    def earned(self) -> AbstractSet[str]: ...
    @property
    def done(self) -> bool: ...
    async def step(self, message: Message) -> object: ...


Start = Callable[[Scenario, int], Awaitable[Episode]]
"""Begins the dialogue of a scenario, from a seed that its user and its world may draw on."""


@dataclass(frozen=True, slots=True)
class PerScenario:
    """A different policy for every scenario: an oracle, which must know the goals."""

    make: Callable[[Scenario], Policy]


async def run(
    policy: Policy | PerScenario,
    scenarios: Iterable[Scenario],
    start: Start,
    *,
    concurrency: int,
    trials: int = 1,
    seed: int = 0,
    out: Path | None = None,
    configuration: Mapping[str, Any] | None = None,
) -> list[Result]:
    """Play ``trials`` dialogues of every scenario; results by scenario, then trial.

    Args:
        policy: The agent, the same for all scenarios or made for each.
        scenarios: What is played; ids are unique.
        start: Begins one dialogue.
        concurrency: Dialogues in progress at any time; in effect, the engine's batch.
        trials: Dialogues a scenario, each with its own seed.
        seed: Seed of the run.
        out: Folder of ``results.jsonl`` and ``scenarios.jsonl``. A run that stopped continues
            there: what has a score is never played again, what an engine's failure spoiled is.
        configuration: What else the results depend on (policy, user, data...), as plain JSON. The
            file remembers it, and refuses to be continued with another.

    Raises:
        RecordError: ``out`` holds another run's results, or damaged ones.
    """
    scenarios = list(scenarios)
    jobs = {Key(s.id, trial): s for s in scenarios for trial in range(trials)}
    with _recorder(out, {**(configuration or {}), "seed": seed}) as recorder:
        if out:
            _keep(out / SCENARIOS, scenarios)
        todo = [key for key in jobs if not recorder.has_score(key)]

        async def work(key: Key) -> Result:
            agent = policy.make(jobs[key]) if isinstance(policy, PerScenario) else policy
            return await play(agent, jobs[key], start, trial=key.trial, seed=seed)

        with Progress("dialogues", len(jobs), len(jobs) - len(todo)) as progress:

            def finished(result: Result) -> None:
                recorder.append(result)
                means = {"reward": result.reward} if result.scored else {}
                progress.advance(means, {"unscored": not result.scored})

            await play_all(todo, work, finished, concurrency)
        return [recorder.results[key] for key in jobs]


async def play(
    policy: Policy, scenario: Scenario, start: Start, *, trial: int = 0, seed: int = 0
) -> Result:
    """Play one dialogue to its end; an engine's failure becomes the result's ``error``."""
    seed = stable_seed(seed, scenario.id, trial)
    usage = _Usage()
    episode, error = None, None
    try:
        episode = await start(scenario, seed)
        await _converse(policy, episode, seed, usage)
    except Exception as failure:
        # Whatever an engine may raise: this dialogue is lost, the others and the run are not.
        error = f"{type(failure).__name__}: {failure}"
        _log.warning("%s, trial %d, is unscored: %s", scenario.id, trial, error)
    goals = tuple(goal.id for goal in scenario.goals)
    return Result(
        scenario=scenario.id,
        trial=trial,
        goals=goals,
        earned=tuple(goal for goal in goals if episode and goal in episode.earned),
        messages=tuple(episode.messages) if episode else (),
        error=error,
        truncated=usage.truncated,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
    )


@dataclass(slots=True)
class _Usage:
    truncated: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0


async def _converse(policy: Policy, episode: Episode, seed: int, usage: _Usage) -> None:
    """Let the policy speak until the dialogue is over, or its context full."""
    for number in count():
        if episode.done:
            return
        completion = await policy(episode.messages, episode.tools, seed=stable_seed(seed, number))
        if completion is None:
            usage.truncated = True
            return
        usage.prompt_tokens += completion.prompt_tokens
        usage.completion_tokens += completion.completion_tokens
        await episode.step(completion.message)


def _recorder(
    out: Path | None, configuration: Mapping[str, Any]
) -> AbstractContextManager[Recorder]:
    return continue_run(out / NAME, configuration) if out else nullcontext(Recorder())


def _keep(path: Path, scenarios: Iterable[Scenario]) -> None:
    """Add the scenarios to those of the folder: readers of its results need their goals."""
    kept = {s.id: s for s in read_scenarios(path)} if path.is_file() else {}
    kept |= {scenario.id: scenario for scenario in scenarios}
    write_scenarios(path, kept.values())
