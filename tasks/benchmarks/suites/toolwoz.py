"""ToolWOZ (arXiv 2409.04617): the test scenarios of MultiWOZ 2.1, against the agenda user.

``toolwoz.evaluation.runs.runner`` plays the dialogues; here they become items. Mode ``parity`` is
the
published environment, whose ceiling is below 1, and ``v2`` the corrected one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Final

from dialogue.protocols import Policy
from tasks.benchmarks.options import Options
from tasks.benchmarks.shape import Attempt, Benchmark, Item, Score
from tasks.benchmarks.suites.trials import pass_hat
from toolwoz.conversion.conversion import Conversion, convert
from toolwoz.conversion.proof import prove
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.sources import fetch
from toolwoz.evaluation.runs.benchmark import starter
from toolwoz.evaluation.runs.result import Result
from toolwoz.evaluation.runs.runner import play
from toolwoz.users.agenda import AgendaUser
from toolwoz.world.scenario import Mode, Scenario

SOURCE: Final = "multiwoz21"
PUBLISHED: Final = 450
"""Number of test scenarios that the published code evaluates, the first by id."""


class EngineFailedError(RuntimeError):
    """A dialogue could not be scored, so its scenario has no score."""


def open_mode(mode: Mode, options: Options) -> Benchmark:
    """All 805 test scenarios in one mode; the group ``test-450`` is the published selection."""
    corpus = read_corpus(fetch(SOURCE, options.data / SOURCE, mirror=options.mirror))
    test = tuple(dialogue for dialogue in corpus.dialogues if dialogue.split == "test")
    return of(convert(replace(corpus, dialogues=test), mode), options.trials)


open_v2 = partial(open_mode, "v2")
open_parity = partial(open_mode, "parity")


def of(conversion: Conversion, trials: int) -> Benchmark:
    """The benchmark of the scenarios of a conversion, with `trials` dialogues each."""
    mode = conversion.world.mode
    scenarios = {scenario.id: scenario for scenario in conversion.scenarios}
    items = [
        Item(
            id=name,
            group=f"test-{PUBLISHED}" if place < PUBLISHED else "the others",
            messages=tuple({"role": "user", "content": line} for line in scenario.instructions),
            tools=tuple(conversion.world.tools),
        )
        for place, (name, scenario) in enumerate(sorted(scenarios.items()))
    ]

    def own_calls(item: Item) -> float:
        scenario = scenarios[item.id]
        return len(prove(conversion.world, scenario).earned) / len(scenario.goals)

    return Benchmark(
        "toolwoz" if mode == "v2" else f"toolwoz-{mode}",
        items,
        Dialogues(conversion, scenarios, trials),
        max_tokens=512,
        depends_on={"mode": mode, "user": "agenda", "trials": trials, "source": SOURCE},
        ceiling=own_calls,
        floor=lambda _item: 0.0,
    )


@dataclass(frozen=True, slots=True)
class Dialogues:
    """Plays the dialogues of a scenario one after another.

    Attributes:
        conversion: Conversion with the world.
        scenarios: Scenarios by id.
        trials: Number of dialogues per scenario.
    """

    conversion: Conversion
    scenarios: dict[str, Scenario]
    trials: int

    async def __call__(self, item: Item, policy: Policy, seed: int) -> Attempt:
        """
        Raises:
            EngineFailedError: a dialogue could not be scored.
        """
        start = starter(self.conversion.world, AgendaUser)
        results = []
        for trial in range(self.trials):
            result = await play(policy, self.scenarios[item.id], start, trial=trial, seed=seed)
            if result.error is not None:
                raise EngineFailedError(result.error)
            results.append(result)
        return Attempt(
            tuple(message for result in results for message in result.messages),
            score(results),
            sum(result.prompt_tokens for result in results),
            sum(result.completion_tokens for result in results),
        )


def score(results: list[Result]) -> Score:
    """The mean reward; parts: ``pass^k`` for every k up to the trials, and ``truncated``."""
    wins = sum(result.success for result in results)
    missed = {goal for one in results for goal in one.goals if goal not in one.earned}
    return Score(
        fmean(result.reward for result in results),
        f"missed {', '.join(sorted(missed))}" if missed else "",
        {
            **pass_hat(wins, len(results)),
            "truncated": fmean(result.truncated for result in results),
        },
    )
